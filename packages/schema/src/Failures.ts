import { IncorrectPassword, InvalidCredentials, PasswordRejected } from "@user-service/domain/Password"
import { PreferencesContradictory, PreferencesVersionMismatch } from "@user-service/domain/Preferences"
import { DeviceTaken, PushTokenNotFound } from "@user-service/domain/PushToken"
import { RateLimited, rateLimitHeader, rateLimitPolicyHeader } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { SessionNotFound } from "@user-service/domain/Session"
import { TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { EmailTaken, UsernameTaken, UserNotFound } from "@user-service/domain/User"
import { Schema, SchemaGetter, String } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { Failure, type FailureCode, failureBody, Problems } from "./Envelope.ts"

// Failures are only written: the facts an error holds are not all on the wire, so it cannot be made again from there.
const unreadable = "A failure is not read back into its error"

// How an error class reads on the wire: a status and an envelope.
const failure = <E extends Schema.Top>(error: E, status: number, body: (error: E["Type"]) => Failure) =>
  Failure.pipe(
    Schema.decodeTo(Schema.toType(error), {
      decode: SchemaGetter.forbidden(() => unreadable),
      encode: SchemaGetter.transform(body)
    }),
    HttpApiSchema.status(status)
  )

// The same with headers; the library takes one such error for each status of an endpoint.
const failureWithHeaders = <E extends Schema.Top, Headers extends Record<string, string>>(
  error: E,
  status: number,
  body: (error: E["Type"]) => Failure,
  headers: { readonly [Name in keyof Headers]: (error: E["Type"]) => string }
) =>
  error.pipe(
    HttpApiSchema.encodeToWithHeaders(
      {
        body: Failure.pipe(HttpApiSchema.status(status)),
        headers: Object.fromEntries(Object.keys(headers).map((name) => [name, Schema.String]))
      },
      {
        decode: () => {
          throw new Error(unreadable)
        },
        encode: (failed) => ({
          body: body(failed),
          headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value(failed)]))
        })
      }
    )
  )

const coded =
  (code: FailureCode, message?: string) =>
  (error: Error): Failure =>
    failureBody({ code, message: message ?? error.message, error: error.message })

/** The body of every 422 that names fields. */
export const invalidInput = (problems: Problems): Failure =>
  failureBody({ code: "validation_failed", message: "Invalid input data", error: "Validation failed", data: problems })

/** No credential was sent where one is needed. */
export class AuthenticationRequired extends Schema.TaggedError<AuthenticationRequired>()(
  "AuthenticationRequired",
  {},
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Authentication credentials were not provided"
  }
}

/** The request's fields are not what the route takes; every one that is wrong is named. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()(
  "InvalidInput",
  { problems: Problems },
  { httpApiStatus: 422 }
) {
  override get message() {
    return "Validation failed"
  }
}

/** The body is not JSON. */
export class MalformedJson extends Schema.TaggedError<MalformedJson>()("MalformedJson", {}, { httpApiStatus: 400 }) {
  override get message() {
    return "The request body is not valid JSON"
  }
}

/** Each error the API answers with, in its wire form. Endpoints and middleware declare these. */
export const Failures = {
  MalformedJson: failure(MalformedJson, 400, coded("malformed_json")),
  AuthenticationRequired: failure(AuthenticationRequired, 401, coded("authentication_required")),
  InvalidCredentials: failure(InvalidCredentials, 401, coded("invalid_credentials")),
  TokenInvalid: failure(TokenInvalid, 401, coded("token_invalid")),
  TokenExpired: failure(TokenExpired, 401, coded("token_expired")),
  UserNotFound: failure(UserNotFound, 404, coded("not_found")),
  PushTokenNotFound: failure(PushTokenNotFound, 404, coded("not_found")),
  SessionNotFound: failure(SessionNotFound, 404, coded("not_found")),
  PreferencesVersionMismatch: failureWithHeaders(PreferencesVersionMismatch, 412, coded("precondition_failed"), {
    etag: (error) => `"${error.currentVersion}"`
  }),
  InvalidInput: failure(InvalidInput, 422, (error) => invalidInput(error.problems)),
  EmailTaken: failure(EmailTaken, 422, (error) => invalidInput({ email: [error.message] })),
  UsernameTaken: failure(UsernameTaken, 422, (error) => invalidInput({ username: [error.message] })),
  DeviceTaken: failure(DeviceTaken, 422, (error) => invalidInput({ device_id: [error.message] })),
  PasswordRejected: failure(PasswordRejected, 422, (error) =>
    invalidInput({ [String.camelToSnake(error.field)]: error.problems })
  ),
  IncorrectPassword: failure(IncorrectPassword, 422, (error) =>
    invalidInput({ [String.camelToSnake(error.field)]: [error.message] })
  ),
  PreferencesContradictory: failure(PreferencesContradictory, 422, (error) =>
    invalidInput({ [String.camelToSnake(error.field)]: [error.message] })
  ),
  RateLimited: failureWithHeaders(RateLimited, 429, coded("rate_limited"), {
    "retry-after": (error) => `${error.retryAfterSeconds}`,
    "ratelimit-policy": rateLimitPolicyHeader,
    ratelimit: rateLimitHeader
  }),
  ServiceUnavailable: failureWithHeaders(ServiceUnavailable, 503, coded("service_unavailable"), {
    "retry-after": (error) => `${error.retryAfterSeconds}`
  })
}
