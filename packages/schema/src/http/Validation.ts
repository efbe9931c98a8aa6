import { Context } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import type { Problems } from "../Envelope.ts"
import { Failures } from "../Failures.ts"

/** Answers 400 to what is no JSON and 422, naming every bad field, to what is not what the route takes. */
export class Validation extends HttpApiMiddleware.Service<Validation>()("@user-service/schema/http/Validation", {
  error: [Failures.MalformedJson, Failures.InvalidInput]
}) {}

/**
 * The field of the body that holds a new password. The rules for new passwords need what no schema knows, so the
 * middleware judges that field too when others are refused, but for how many guesses it withstands, which takes an estimate.
 */
export const NewPasswordField = Context.Reference<string | undefined>(
  "@user-service/schema/http/Validation/NewPasswordField",
  { defaultValue: () => undefined }
)

/**
 * What is wrong with a field because of another one of the body. The service refuses it; the middleware asks too when other
 * fields are refused, so that a client learns of every bad field at once.
 */
export const DependentProblems = Context.Reference<(body: object) => Problems>(
  "@user-service/schema/http/Validation/DependentProblems",
  { defaultValue: () => () => ({}) }
)
