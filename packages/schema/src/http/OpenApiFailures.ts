import { Option, Schema } from "effect"
import type { OpenApi } from "effect/http-api"
import { type Failure, type FailureCode, failureBody } from "../Envelope.ts"
import { exampleBody, Failures } from "../Failures.ts"
import { headerRefs, type Ref } from "./OpenApiComponents.ts"

/** A failure: its name, its description and an example of its body. */
interface DocumentedFailure {
  readonly name: string
  readonly description: string
  readonly body: Failure
}

/** The failures of an operation that have the same status. */
interface DocumentedFailures {
  readonly status: number
  readonly failures: ReadonlyArray<DocumentedFailure>
}

const declaredFailures = (schema: Schema.Top): ReadonlyArray<DocumentedFailure> =>
  Option.toArray(exampleBody(schema)).map((body) => {
    const annotations = Schema.resolveAnnotations(schema)
    return { name: annotations?.identifier ?? body.code, description: annotations?.description ?? body.message, body }
  })

const serverFailure = (
  status: number,
  name: string,
  code: FailureCode,
  message: string,
  description: string
): DocumentedFailures => ({ status, failures: [{ name, description, body: failureBody({ code, message }) }] })

// Failures of requests that reach no operation. Unknown paths and methods belong to no operation; the introduction of the
// document describes them.
const malformedRequest = serverFailure(
  400,
  "MalformedRequest",
  "malformed_json",
  "The Host header is required",
  "The request is not valid HTTP: it cannot be read, or its `Host` header is missing, repeated or malformed."
)
const hostRefused = serverFailure(
  403,
  "Forbidden",
  "forbidden",
  "This host is not served here",
  "The host is not served here, or HTTPS is required."
)

const bodyFailures: ReadonlyArray<DocumentedFailures> = [
  serverFailure(
    413,
    "PayloadTooLarge",
    "payload_too_large",
    "The request body is too large",
    "The body is larger than 100 KiB, or than 2 MiB under `/internal/v1`."
  ),
  serverFailure(
    415,
    "UnsupportedMediaType",
    "unsupported_media_type",
    "The request body must be application/json",
    "The body is not sent as `application/json` in UTF-8, or it has a `Content-Encoding`."
  )
]

const commonFailures: ReadonlyArray<DocumentedFailures> = [
  malformedRequest,
  serverFailure(
    500,
    "InternalError",
    "internal_error",
    "An internal error occurred",
    "An unexpected error of the service. Its log has the details under the id of the request."
  ),
  { status: 503, failures: declaredFailures(Failures.ServiceUnavailable) }
]

/** The facts of an endpoint that determine its failures. */
export interface Fallible {
  readonly errors: ReadonlyMap<number, ReadonlyArray<Schema.Top>>
  /** Whether it answers for any host. */
  readonly isProbe: boolean
}

const byName = (a: DocumentedFailure, b: DocumentedFailure): number => (a.name < b.name ? -1 : 1)

// Removes duplicates: endpoints declare some failures of the server too.
const distinctByName = (failures: ReadonlyArray<DocumentedFailure>): ReadonlyArray<DocumentedFailure> =>
  [...new Map(failures.map((failure) => [failure.name, failure])).values()].toSorted(byName)

/** The failures of an operation by status: those that it declares, and those of the server. */
export const failuresOf = (
  operation: OpenApi.OpenAPISpecOperation,
  { errors, isProbe }: Fallible
): ReadonlyArray<DocumentedFailures> => {
  const takesBody = operation.requestBody !== undefined
  const takesInput = takesBody || operation.parameters.some((parameter) => parameter.in === "query")
  // The Validation middleware covers whole groups, including endpoints without input.
  const isPossible = ({ name }: DocumentedFailure): boolean =>
    (name !== "MalformedJson" || takesBody) && (name !== "InvalidInput" || takesInput)
  const all = [
    ...Array.from(errors, ([status, schemas]) => ({
      status,
      failures: schemas.flatMap(declaredFailures).filter(isPossible)
    })),
    ...(takesBody ? bodyFailures : []),
    ...(isProbe ? [] : [hostRefused]),
    ...commonFailures
  ]
  return Array.from(
    Map.groupBy(all, ({ status }) => status),
    ([status, alike]) => ({ status, failures: distinctByName(alike.flatMap(({ failures }) => failures)) })
  )
    .filter(({ failures }) => failures.length > 0)
    .toSorted((a, b) => a.status - b.status)
}

/** The response to a failure. */
export interface FailureResponse {
  readonly description: string
  readonly headers: Readonly<Record<string, Ref>>
  readonly content: {
    readonly "application/json": {
      readonly schema: Ref
      readonly examples: Readonly<Record<string, { readonly summary: string; readonly value: Failure }>>
    }
  }
}

const headersOf: Readonly<Record<number, ReadonlyArray<string>>> = {
  401: ["WWW-Authenticate"],
  412: ["ETag"],
  429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  503: ["Retry-After"]
}

/** The names of the headers of a response with this status, besides those of all responses. */
export const failureHeaders = (status: number | string): ReadonlyArray<string> => headersOf[Number(status)] ?? []

// The name of a response lists its failures.
const nameOf = ({ failures }: DocumentedFailures): string => failures.map(({ name }) => name).join("Or")

/** A reference to the response for these failures. */
export const failureRef = (failures: DocumentedFailures): Ref => ({
  $ref: `#/components/responses/${nameOf(failures)}`
})

const failureResponse = ({ failures, status }: DocumentedFailures): FailureResponse => ({
  description: Object.entries(Object.groupBy(failures, ({ body }) => body.code))
    .map(([code, alike]) => `\`${code}\`: ${alike.map(({ description }) => description).join(" ")}`)
    .join("\n\n"),
  headers: headerRefs([...failureHeaders(status), "X-Request-Id"]),
  content: {
    "application/json": {
      schema: { $ref: "#/components/schemas/Failure" },
      examples: Object.fromEntries(
        failures.map(({ body, description, name }) => [name, { summary: description, value: body }])
      )
    }
  }
})

/** The responses by name, without duplicates. */
export const failureResponses = (all: ReadonlyArray<DocumentedFailures>): Readonly<Record<string, FailureResponse>> =>
  Object.fromEntries(all.map((failures) => [nameOf(failures), failureResponse(failures)]))
