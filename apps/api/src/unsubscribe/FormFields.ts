import { Data, Effect, Predicate } from "effect"
import { HttpServerRequest } from "effect/http"

/** The body of the request is not a form: it has another media type (415), or cannot be parsed (400). */
export class FormUnreadable extends Data.TaggedError("FormUnreadable")<{ readonly status: 400 | 415 }> {}

/** The fields of a form, by name, without white space around them. Of several values, the last one counts. */
export type FormFields = ReadonlyMap<string, string>

const formTypes = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i

/** The fields of the request's form, without files. */
export const formFields = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const contentType = request.headers["content-type"] ?? ""
  if (!formTypes.test(contentType)) return yield* new FormUnreadable({ status: 415 })
  const body = yield* request.arrayBuffer
  const form = yield* Effect.tryPromise({
    try: () => new Response(body, { headers: { "content-type": contentType } }).formData(),
    catch: () => new FormUnreadable({ status: 400 })
  })
  const fields: FormFields = new Map(
    [...form.entries()].flatMap(([name, value]) => (Predicate.isString(value) ? [[name, value.trim()] as const] : []))
  )
  return fields
})
