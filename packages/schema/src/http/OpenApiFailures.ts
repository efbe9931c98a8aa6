import { Option, Schema } from "effect"
import type { OpenApi } from "effect/http-api"
import { type Failure, type FailureCode, failureBody } from "../Envelope.ts"
import { exampleBody, Failures } from "../Failures.ts"
import { headerRefs, type Ref } from "./OpenApiComponents.ts"

/** One thing that can go wrong: its name, when it does, and a body that tells of it. */
interface DocumentedFailure {
  readonly name: string
  readonly description: string
  readonly body: Failure
}

/** What can be behind one status of an operation. */
interface DocumentedFailures {
  readonly status: number
  readonly failures: ReadonlyArray<DocumentedFailure>
}

const declared = (schema: Schema.Top): ReadonlyArray<DocumentedFailure> =>
  Option.toArray(exampleBody(schema)).map((body) => {
    const annotations = Schema.resolveAnnotations(schema)
    return { name: annotations?.identifier ?? body.code, description: annotations?.description ?? body.message, body }
  })

const byServer = (
  status: number,
  name: string,
  code: FailureCode,
  message: string,
  description: string
): DocumentedFailures => ({ status, failures: [{ name, description, body: failureBody({ code, message }) }] })

// What the server refuses before any operation sees it. Paths and methods that do not exist belong to no operation: the
// introduction tells of them.
const notHttp = byServer(
  400,
  "MalformedRequest",
  "malformed_json",
  "The Host header is required",
  "The request is not valid HTTP: it cannot be read, or its `Host` header is missing, repeated or malformed."
)
const notServed = byServer(
  403,
  "Forbidden",
  "forbidden",
  "This host is not served here",
  "The host is not among those that are served, or the request came over plain HTTP where HTTPS is required."
)

const ofBodies: ReadonlyArray<DocumentedFailures> = [
  byServer(
    413,
    "PayloadTooLarge",
    "payload_too_large",
    "The request body is too large",
    "The body is larger than 100 KiB, or under `/internal/v1` than 2 MiB."
  ),
  byServer(
    415,
    "UnsupportedMediaType",
    "unsupported_media_type",
    "The request body must be application/json",
    "The body is not sent as `application/json` in UTF-8, or it has a `Content-Encoding`."
  )
]

const ofAnyOperation: ReadonlyArray<DocumentedFailures> = [
  notHttp,
  byServer(
    500,
    "InternalError",
    "internal_error",
    "An internal error occurred",
    "A mistake of ours; the log tells of it under the id of the request."
  ),
  { status: 503, failures: declared(Failures.ServiceUnavailable) }
]

/** What an endpoint says of its failures and the library leaves out. */
export interface Fallible {
  readonly errors: ReadonlyMap<number, ReadonlyArray<Schema.Top>>
  /** Whether it answers whatever host it is asked for. */
  readonly isProbe: boolean
}

const byName = (a: DocumentedFailure, b: DocumentedFailure): number => (a.name < b.name ? -1 : 1)

// One of each name, since the server has some failures that endpoints declare too.
const merged = (failures: ReadonlyArray<DocumentedFailure>): ReadonlyArray<DocumentedFailure> =>
  [...new Map(failures.map((failure) => [failure.name, failure])).values()].toSorted(byName)

/** Every failure an operation may answer with, by status: those it declares and those of the server. */
export const failuresOf = (
  operation: OpenApi.OpenAPISpecOperation,
  { errors, isProbe }: Fallible
): ReadonlyArray<DocumentedFailures> => {
  const takesBody = operation.requestBody !== undefined
  const takesInput = takesBody || operation.parameters.some((parameter) => parameter.in === "query")
  // Validation stands before a whole group; where nothing is sent it finds nothing.
  const isPossible = ({ name }: DocumentedFailure): boolean =>
    (name !== "MalformedJson" || takesBody) && (name !== "InvalidInput" || takesInput)
  const all = [
    ...Array.from(errors, ([status, schemas]) => ({
      status,
      failures: schemas.flatMap(declared).filter(isPossible)
    })),
    ...(takesBody ? ofBodies : []),
    ...(isProbe ? [] : [notServed]),
    ...ofAnyOperation
  ]
  return Array.from(
    Map.groupBy(all, ({ status }) => status),
    ([status, alike]) => ({ status, failures: merged(alike.flatMap(({ failures }) => failures)) })
  )
    .filter(({ failures }) => failures.length > 0)
    .toSorted((a, b) => a.status - b.status)
}

/** An answer that tells of a failure. */
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

// Answers are named for what can be behind them.
const nameOf = ({ failures }: DocumentedFailures): string => failures.map(({ name }) => name).join("Or")

/** Where the answer is described that has one of these failures behind it. */
export const failureRef = (failures: DocumentedFailures): Ref => ({
  $ref: `#/components/responses/${nameOf(failures)}`
})

const failureResponse = ({ failures, status }: DocumentedFailures): FailureResponse => ({
  description: Object.entries(Object.groupBy(failures, ({ body }) => body.code))
    .map(([code, alike]) => `\`${code}\`: ${alike.map(({ description }) => description).join(" ")}`)
    .join("\n\n"),
  headers: headerRefs([...(headersOf[status] ?? []), "X-Request-Id"]),
  content: {
    "application/json": {
      schema: { $ref: "#/components/schemas/Failure" },
      examples: Object.fromEntries(
        failures.map(({ body, description, name }) => [name, { summary: description, value: body }])
      )
    }
  }
})

/** All these answers, each described once. */
export const failureResponses = (all: ReadonlyArray<DocumentedFailures>): Readonly<Record<string, FailureResponse>> =>
  Object.fromEntries(all.map((failures) => [nameOf(failures), failureResponse(failures)]))
