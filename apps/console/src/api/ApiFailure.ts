import { Data, Effect, Option, Schema, SchemaIssue } from "effect"
import { HttpClient, type HttpClientResponse } from "effect/http"
import { Failure } from "@user-service/schema/Envelope"

/** The API answered with a failure. Its declared errors cannot be decoded, so this has the envelope of the response. */
export class ApiFailure extends Data.TaggedError("ApiFailure")<{
  readonly status: number
  /** The code of the envelope, or undefined if the response had none, for example from a proxy. */
  readonly code: string | undefined
  readonly message: string
  /** The problems of each field, by the name of the field. */
  readonly fields: Readonly<Record<string, ReadonlyArray<string>>>
  readonly retryAfterSeconds: number | undefined
  /** The id of the request, which the logs of the service have. */
  readonly requestId: string | undefined
}> {}

// Any code: during an update the response may be from a newer process.
const decodeEnvelope = Schema.decodeUnknownOption(Schema.Struct({ ...Failure.fields, code: Schema.String }))
const decodeFields = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Array(Schema.String)))

const failureOf = Effect.fnUntraced(function* (response: HttpClientResponse.HttpClientResponse) {
  const body = yield* Effect.option(response.json)
  const envelope = Option.flatMap(body, decodeEnvelope)
  const retryAfter = Number(response.headers["retry-after"])
  return new ApiFailure({
    status: response.status,
    code: Option.getOrUndefined(Option.map(envelope, ({ code }) => code)),
    message: Option.match(envelope, {
      onNone: () => `The server answered with status ${response.status}`,
      onSome: ({ message }) => message
    }),
    fields: Option.getOrElse(
      Option.flatMap(envelope, ({ data }) => decodeFields(data)),
      () => ({})
    ),
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
    requestId: response.headers["x-request-id"]
  })
})

/** A client that fails with {@link ApiFailure} for responses with a status of 400 or more. */
export const withFailures = <E, R>(client: HttpClient.HttpClient.With<E, R>) =>
  HttpClient.transformResponse(
    client,
    Effect.flatMap((response) =>
      response.status < 400 ? Effect.succeed(response) : Effect.flatMap(failureOf(response), Effect.fail)
    )
  )

/** The failure that an error of the client is. The API could not be reached, or its response could not be read, if it is none. */
export const asApiFailure = (error: unknown): ApiFailure =>
  error instanceof ApiFailure
    ? error
    : new ApiFailure({
        status: 0,
        code: undefined,
        message: "The service cannot be reached, or its response cannot be read.",
        fields: {},
        retryAfterSeconds: undefined,
        requestId: undefined
      })

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const nameOf = (part: PropertyKey | { readonly key: PropertyKey } | undefined): string =>
  String(typeof part === "object" ? part.key : (part ?? ""))

/** Decodes what a member of staff has entered by the schema of the endpoint. Fails as the API does for invalid fields. */
export const decodeInput =
  <S extends Schema.Decoder<unknown>>(schema: S) =>
  (input: S["Encoded"]): Effect.Effect<S["Type"], ApiFailure> =>
    Effect.mapError(Schema.decodeUnknownEffect(schema)(input, { errors: "all" }), ({ issue }) => {
      const fields = Object.groupBy(issuesOf(issue).issues, ({ path }) => nameOf(path?.[0]))
      return new ApiFailure({
        status: 422,
        code: "validation_failed",
        message: "Invalid input data",
        fields: Object.fromEntries(
          Object.entries(fields).map(([name, issues = []]) => [name, issues.map(({ message }) => message)])
        ),
        retryAfterSeconds: undefined,
        requestId: undefined
      })
    })
