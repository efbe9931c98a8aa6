import { CursorInvalid } from "@user-service/domain/Cursor"
import { DeadLetterCut, DeadLetterNotFound } from "@user-service/domain/DeadLetter"
import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import {
  IdempotencyKeyReused,
  IdempotentRequestInProgress,
  RegistrationOutdated
} from "@user-service/domain/IdempotencyKey"
import { OneTimeTokenInvalid } from "@user-service/domain/OneTimeToken"
import { IncorrectPassword, InvalidCredentials, PasswordRejected } from "@user-service/domain/Password"
import { PreferencesContradictory, PreferencesVersionMismatch } from "@user-service/domain/Preferences"
import { DeviceTokenMalformed } from "@user-service/domain/DeviceTokenForm"
import { DeviceTaken, DeviceTokenTaken, PushTokenNotFound } from "@user-service/domain/PushToken"
import { RateLimited, rateLimitedHeaders } from "@user-service/domain/RateLimit"
import { NotStaff, RoleTooLow } from "@user-service/domain/Role"
import { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { SessionNotFound } from "@user-service/domain/Session"
import { LastAdministrator, OwnAccountProtected } from "@user-service/domain/StaffRules"
import { TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { EmailTaken } from "@user-service/domain/Email"
import { UsernameNotAllowed, UsernameTaken, UserNotFound } from "@user-service/domain/User"
import { Option, Schema, SchemaGetter, String } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { Failure, type FailureCode, failureBody, Problems } from "./Envelope.ts"

// Failures are only encoded: the wire form lacks some fields of the errors, so it cannot be decoded.
const unreadable = "Failures cannot be decoded"

// The documentation of an error in OpenAPI.
interface Documentation<E> {
  readonly description: string
  readonly example: E
}

const bodyExample = "@user-service/schema/Failures/bodyExample"

/** The example body of one of the {@link Failures} in the OpenAPI document. */
export const exampleBody = (failure: Schema.Top): Option.Option<Failure> =>
  Option.filter(Option.fromUndefinedOr(Schema.resolveAnnotations(failure)?.[bodyExample]), Schema.is(Failure))

// The wire form of an error class: a status and an envelope.
const failure = <E extends Schema.Top>(
  error: E,
  status: number,
  body: (error: E["Type"]) => Failure,
  { description, example }: Documentation<E["Type"]>
) =>
  Failure.pipe(
    Schema.decodeTo(Schema.toType(error), {
      decode: SchemaGetter.forbidden(() => unreadable),
      encode: SchemaGetter.transform(body)
    }),
    HttpApiSchema.status(status)
  ).annotate({ description, [bodyExample]: body(example) })

// The same with headers. The library supports one such error per status of an endpoint.
const failureWithHeaders = <E extends Schema.Top, Headers extends Record<string, string>>(
  error: E,
  status: number,
  body: (error: E["Type"]) => Failure,
  headers: { readonly [Name in keyof Headers]: (error: E["Type"]) => string },
  { description, example }: Documentation<E["Type"]>
) =>
  error
    .pipe(
      HttpApiSchema.encodeToWithHeaders(
        {
          body: Failure.pipe(HttpApiSchema.status(status)),
          headers: Object.fromEntries(Object.keys(headers).map((name) => [name, Schema.String]))
        },
        {
          decode: () => {
            throw new Error(unreadable)
          },
          encode: (instance) => ({
            body: body(instance),
            headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value(instance)]))
          })
        }
      )
    )
    .annotate({ description, [bodyExample]: body(example) })

const bodyWithCode =
  (code: FailureCode, message?: string) =>
  (error: Error): Failure =>
    failureBody({ code, message: message ?? error.message, error: error.message })

/** The body of a 422. */
export const invalidInput = (problems: Problems): Failure =>
  failureBody({ code: "validation_failed", message: "Invalid input data", error: "Validation failed", data: problems })

/** The request has no credentials, but the endpoint requires them. */
export class AuthenticationRequired extends Schema.TaggedError<AuthenticationRequired>()(
  "AuthenticationRequired",
  {},
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Authentication credentials were not provided"
  }
}

/** The request does not match the endpoint's schema. Lists all invalid fields. */
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

/** The errors of the API in wire form, as endpoints and middleware declare them. */
export const Failures = {
  MalformedJson: failure(MalformedJson, 400, bodyWithCode("malformed_json"), {
    description: "The body is not valid JSON in UTF-8.",
    example: new MalformedJson()
  }),
  AuthenticationRequired: failure(AuthenticationRequired, 401, bodyWithCode("authentication_required"), {
    description: "The request has no credentials.",
    example: new AuthenticationRequired()
  }),
  InvalidCredentials: failure(InvalidCredentials, 401, bodyWithCode("invalid_credentials"), {
    description: "Unknown e-mail address, wrong password or disabled account. The response does not reveal which.",
    example: new InvalidCredentials()
  }),
  TokenInvalid: failure(TokenInvalid, 401, bodyWithCode("token_invalid"), {
    description:
      "The token was not issued by this service, has the wrong type, or belongs to a session that has ended.",
    example: new TokenInvalid()
  }),
  TokenExpired: failure(TokenExpired, 401, bodyWithCode("token_expired"), {
    description: "The token has expired.",
    example: new TokenExpired()
  }),
  Unauthenticated: failure(
    Unauthenticated,
    401,
    (error) => bodyWithCode(error.reason === "missing" ? "authentication_required" : "invalid_credentials")(error),
    {
      description: "The API key is invalid, or missing (`authentication_required`).",
      example: new Unauthenticated({ reason: "unknown" })
    }
  ),
  ForbiddenScope: failure(ForbiddenScope, 403, bodyWithCode("forbidden"), {
    description: "The API key does not have the required scope.",
    example: new ForbiddenScope({ scope: "deliveries" })
  }),
  RoleTooLow: failure(RoleTooLow, 403, bodyWithCode("forbidden"), {
    description: "The member of staff has a role that is too low for this.",
    example: new RoleTooLow({ required: "admin" })
  }),
  OwnAccountProtected: failure(OwnAccountProtected, 403, bodyWithCode("forbidden"), {
    description: "Nobody changes their own role, nor disables or erases themself.",
    example: new OwnAccountProtected()
  }),
  LastAdministrator: failure(LastAdministrator, 409, bodyWithCode("conflict"), {
    description: "The act would leave the service without an active administrator.",
    example: new LastAdministrator()
  }),
  NotStaff: failure(NotStaff, 404, bodyWithCode("not_found"), {
    description: "The user has no role, or the request comes from a network that is not allowed.",
    example: new NotStaff()
  }),
  UserNotFound: failure(UserNotFound, 404, bodyWithCode("not_found"), {
    description: "The user does not exist, or the account is being erased.",
    example: new UserNotFound()
  }),
  PushTokenNotFound: failure(PushTokenNotFound, 404, bodyWithCode("not_found"), {
    description: "The user has no push token with this id.",
    example: new PushTokenNotFound()
  }),
  SessionNotFound: failure(SessionNotFound, 404, bodyWithCode("not_found"), {
    description: "The user has no active session with this id.",
    example: new SessionNotFound()
  }),
  DeadLetterNotFound: failure(DeadLetterNotFound, 404, bodyWithCode("not_found"), {
    description: "The dead letter does not exist, or was replayed or discarded.",
    example: new DeadLetterNotFound()
  }),
  DeadLetterCut: failure(DeadLetterCut, 409, bodyWithCode("conflict"), {
    description: "Only the beginning of the message is stored.",
    example: new DeadLetterCut()
  }),
  IdempotentRequestInProgress: failure(IdempotentRequestInProgress, 409, bodyWithCode("conflict"), {
    description: "An earlier request with this `Idempotency-Key` is still in progress.",
    example: new IdempotentRequestInProgress()
  }),
  RegistrationOutdated: failure(RegistrationOutdated, 409, bodyWithCode("conflict"), {
    description:
      "The account was registered with this `Idempotency-Key`, but its password was changed or it was disabled since then.",
    example: new RegistrationOutdated()
  }),
  PreferencesVersionMismatch: failureWithHeaders(
    PreferencesVersionMismatch,
    412,
    bodyWithCode("precondition_failed"),
    { etag: (error) => `"${error.currentVersion}"` },
    {
      description:
        "The current version does not match `If-Match`, or matches `If-None-Match`. `ETag` has the current version.",
      example: new PreferencesVersionMismatch({ currentVersion: 7 })
    }
  ),
  InvalidInput: failure(InvalidInput, 422, (error) => invalidInput(error.problems), {
    description: "Fields are missing or invalid. `data` lists all of them, in the shape of the input.",
    example: new InvalidInput({ problems: { field: ["This field is required."] } })
  }),
  IdempotencyKeyReused: failure(IdempotencyKeyReused, 422, bodyWithCode("idempotency_key_reused"), {
    description: "This `Idempotency-Key` was used with another body within the last 24 hours.",
    example: new IdempotencyKeyReused()
  }),
  EmailTaken: failure(EmailTaken, 422, (error) => invalidInput({ email: [error.message] }), {
    description: "Another account has this e-mail address.",
    example: new EmailTaken()
  }),
  UsernameTaken: failure(UsernameTaken, 422, (error) => invalidInput({ username: [error.message] }), {
    description: "Another account has this username, compared case-insensitively.",
    example: new UsernameTaken()
  }),
  UsernameNotAllowed: failure(UsernameNotAllowed, 422, (error) => invalidInput({ username: [error.message] }), {
    description: "The username is reserved, or is an e-mail address other than the account's own.",
    example: new UsernameNotAllowed({ problem: "reserved" })
  }),
  DeviceTaken: failure(DeviceTaken, 422, (error) => invalidInput({ device_id: [error.message] }), {
    description: "The user has another push token for this device and platform.",
    example: new DeviceTaken()
  }),
  DeviceTokenMalformed: failure(
    DeviceTokenMalformed,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: [error.message] }),
    {
      description: "The token is not valid for this type.",
      example: new DeviceTokenMalformed({ field: "token", tokenType: "apns" })
    }
  ),
  DeviceTokenTaken: failure(DeviceTokenTaken, 422, (error) => invalidInput({ token_type: [error.message] }), {
    description: "With the new type, the token would equal another push token.",
    example: new DeviceTokenTaken()
  }),
  PasswordRejected: failure(
    PasswordRejected,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: error.problems }),
    {
      description: "The new password violates the password rules. The response lists all of the violations.",
      example: new PasswordRejected({ field: "password", problems: ["This password is too common."] })
    }
  ),
  IncorrectPassword: failure(
    IncorrectPassword,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: [error.message] }),
    {
      description: "The current password is incorrect.",
      example: new IncorrectPassword({ field: "oldPassword" })
    }
  ),
  OneTimeTokenInvalid: failure(OneTimeTokenInvalid, 422, (error) => invalidInput({ token: [error.message] }), {
    description:
      "The token is unknown, used, expired or replaced by a newer one, or its address can no longer be used. The response " +
      "does not reveal which.",
    example: new OneTimeTokenInvalid()
  }),
  PreferencesContradictory: failure(
    PreferencesContradictory,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: [error.message] }),
    {
      description: "Merged with the stored settings, the quiet hours have only one end, or start and end are equal.",
      example: new PreferencesContradictory({
        field: "doNotDisturbEnd",
        problem: "Required when a start is set."
      })
    }
  ),
  DeliveryTimeOutOfReach: failure(
    DeliveryTimeOutOfReach,
    422,
    (error) =>
      invalidInput({
        deliveries: Object.fromEntries(error.indexes.map((index) => [index, { at: [error.message] }]))
      }),
    {
      description: "The times of some deliveries are more than 30 days from now. No delivery was resolved.",
      example: new DeliveryTimeOutOfReach({ indexes: [0] })
    }
  ),
  CursorInvalid: failure(CursorInvalid, 422, (error) => invalidInput({ cursor: [error.message] }), {
    description: "The cursor is malformed, or belongs to a list with another filter or order.",
    example: new CursorInvalid()
  }),
  RateLimited: failureWithHeaders(RateLimited, 429, bodyWithCode("rate_limited"), rateLimitedHeaders, {
    description: "The rate limit was exceeded. Nothing was changed.",
    example: new RateLimited({ policy: "login-account", limit: 10, windowSeconds: 300, retryAfterSeconds: 42 })
  }),
  ServiceUnavailable: failureWithHeaders(
    ServiceUnavailable,
    503,
    bodyWithCode("service_unavailable"),
    { "retry-after": (error) => `${error.retryAfterSeconds}` },
    {
      description: "A required backend is unavailable or overloaded. Nothing was changed; the request can be retried.",
      example: new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 })
    }
  )
}
