import { Context } from "effect"
import type { Headers } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import type { Problems } from "../Envelope.ts"
import { Failures } from "../Failures.ts"

/** Answers 400 if the body is not JSON, and 422 with all invalid fields if it does not match the endpoint's schema. */
export class Validation extends HttpApiMiddleware.Service<Validation>()("@user-service/schema/http/Validation", {
  error: [Failures.MalformedJson, Failures.InvalidInput]
}) {}

/**
 * The field of the body with a new password. Schemas cannot check the rules for new passwords, so the middleware checks them if
 * other fields are invalid, except for the strength, whose estimate is expensive.
 */
export const NewPasswordField = Context.Reference<string | undefined>(
  "@user-service/schema/http/Validation/NewPasswordField",
  { defaultValue: () => undefined }
)

/**
 * The problems of fields that depend on other fields. The service checks them; the middleware also does if other fields are
 * invalid, so that the response lists all problems.
 */
export const DependentProblems = Context.Reference<(body: object) => Problems>(
  "@user-service/schema/http/Validation/DependentProblems",
  { defaultValue: () => () => ({}) }
)

/**
 * The problems of headers. The handler checks them, because the schema of headers would be judged before the body; the middleware
 * also does if fields are invalid, so that the response lists all problems.
 */
export const HeaderProblems = Context.Reference<(headers: Headers.Headers) => Problems>(
  "@user-service/schema/http/Validation/HeaderProblems",
  { defaultValue: () => () => ({}) }
)
