import { PasswordPolicy } from "@user-service/core/accounts/PasswordPolicy"
import { InvalidInput, MalformedJson } from "@user-service/schema/Failures"
import { DependentProblems, HeaderProblems, NewPasswordField, Validation } from "@user-service/schema/http/Validation"
import { Context, Effect, Layer, Predicate, Redacted, type SchemaIssue } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { merge, problemsOf } from "./Problems.ts"

const isMalformedJson = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "InvalidValue" && issue.annotations?.["message"] === "Expected a valid JSON body"

const bodyOf = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const body = yield* Effect.orElseSucceed(request.json, () => undefined)
  return Predicate.isObject(body) ? body : {}
})

// The rules that a new password breaks in a body with other invalid fields. Its strength is not estimated: no rate limit counts
// such a request, so the check has to be cheap.
const passwordProblems = (policy: PasswordPolicy["Service"], body: object, field: string | undefined) => {
  if (field === undefined) return {}
  const password: unknown = Reflect.get(body, field)
  if (!Predicate.isString(password) || password === "") return {}
  const problems = policy.problemsWithoutEstimate(Redacted.make(password), [])
  return problems.length === 0 ? {} : { [field]: problems }
}

/** {@link Validation}, including the rules for new passwords. */
export const ValidationHttp = Layer.unwrap(
  Effect.map(PasswordPolicy, (policy) =>
    HttpApiMiddleware.layerSchemaErrorTransform(Validation, (error, { endpoint }) => {
      // The handler's response does not match its schema: a defect of the service, not of the request.
      if (error.kind === "Body" || error.kind === "ResponseHeaders") return Effect.die(error)
      const issue = error.cause.issue
      if (error.kind === "Payload" && isMalformedJson(issue)) return Effect.fail(new MalformedJson())
      if (error.kind !== "Payload") return Effect.fail(new InvalidInput({ problems: problemsOf(issue) }))
      return Effect.gen(function* () {
        const body = yield* bodyOf
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const header = Context.get(endpoint.annotations, HeaderProblems)(headers)
        const dependent = Context.get(endpoint.annotations, DependentProblems)(body)
        const password = passwordProblems(policy, body, Context.get(endpoint.annotations, NewPasswordField))
        return yield* new InvalidInput({ problems: [dependent, password, header].reduce(merge, problemsOf(issue)) })
      })
    })
  )
).pipe(Layer.provide(PasswordPolicy.layer))
