import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import { IncorrectPassword, InvalidCredentials, PasswordRejected } from "@user-service/domain/Password"
import { PreferencesContradictory, PreferencesVersionMismatch } from "@user-service/domain/Preferences"
import { DeviceTokenMalformed } from "@user-service/domain/DeviceTokenForm"
import { DeviceTaken, DeviceTokenTaken, PushTokenNotFound } from "@user-service/domain/PushToken"
import { RateLimited, rateLimitHeader, rateLimitPolicyHeader } from "@user-service/domain/RateLimit"
import { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { SessionNotFound } from "@user-service/domain/Session"
import { TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { EmailTaken } from "@user-service/domain/Email"
import { UsernameNotAllowed, UsernameTaken, UserNotFound } from "@user-service/domain/User"
import { Option, Schema, SchemaGetter, String } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { Failure, type FailureCode, failureBody, Problems } from "./Envelope.ts"

// Failures are only written: the facts an error holds are not all on the wire, so it cannot be made again from there.
const unreadable = "A failure is not read back into its error"

// What the OpenAPI document says of an error: when it comes, and one of its kind.
interface Shown<E> {
  readonly description: string
  readonly example: E
}

const bodyExample = "@user-service/schema/Failures/bodyExample"

/** A body of one of the {@link Failures}, as the OpenAPI document shows it. */
export const exampleBody = (failure: Schema.Top): Option.Option<Failure> =>
  Option.filter(Option.fromUndefinedOr(Schema.resolveAnnotations(failure)?.[bodyExample]), Schema.is(Failure))

// How an error class reads on the wire: a status and an envelope.
const failure = <E extends Schema.Top>(
  error: E,
  status: number,
  body: (error: E["Type"]) => Failure,
  { description, example }: Shown<E["Type"]>
) =>
  Failure.pipe(
    Schema.decodeTo(Schema.toType(error), {
      decode: SchemaGetter.forbidden(() => unreadable),
      encode: SchemaGetter.transform(body)
    }),
    HttpApiSchema.status(status)
  ).annotate({ description, [bodyExample]: body(example) })

// The same with headers; the library takes one such error for each status of an endpoint.
const failureWithHeaders = <E extends Schema.Top, Headers extends Record<string, string>>(
  error: E,
  status: number,
  body: (error: E["Type"]) => Failure,
  headers: { readonly [Name in keyof Headers]: (error: E["Type"]) => string },
  { description, example }: Shown<E["Type"]>
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
          encode: (failed) => ({
            body: body(failed),
            headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value(failed)]))
          })
        }
      )
    )
    .annotate({ description, [bodyExample]: body(example) })

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
  MalformedJson: failure(MalformedJson, 400, coded("malformed_json"), {
    description: "The body is not JSON in UTF-8.",
    example: new MalformedJson()
  }),
  AuthenticationRequired: failure(AuthenticationRequired, 401, coded("authentication_required"), {
    description: "No credential was sent.",
    example: new AuthenticationRequired()
  }),
  InvalidCredentials: failure(InvalidCredentials, 401, coded("invalid_credentials"), {
    description: "Unknown e-mail, wrong password or disabled account: the answer does not tell which.",
    example: new InvalidCredentials()
  }),
  TokenInvalid: failure(TokenInvalid, 401, coded("token_invalid"), {
    description: "The token is not ours, of the wrong type, or of a session that has ended.",
    example: new TokenInvalid()
  }),
  TokenExpired: failure(TokenExpired, 401, coded("token_expired"), {
    description: "The token's time is over.",
    example: new TokenExpired()
  }),
  Unauthenticated: failure(
    Unauthenticated,
    401,
    (error) => coded(error.reason === "missing" ? "authentication_required" : "invalid_credentials")(error),
    {
      description: "The API key is not good; `authentication_required` where none was sent.",
      example: new Unauthenticated({ reason: "unknown" })
    }
  ),
  ForbiddenScope: failure(ForbiddenScope, 403, coded("forbidden"), {
    description: "The API key lacks the scope.",
    example: new ForbiddenScope({ scope: "deliveries" })
  }),
  UserNotFound: failure(UserNotFound, 404, coded("not_found"), {
    description: "There is no such user, or the account is being erased.",
    example: new UserNotFound()
  }),
  PushTokenNotFound: failure(PushTokenNotFound, 404, coded("not_found"), {
    description: "No push token of yours has this id.",
    example: new PushTokenNotFound()
  }),
  SessionNotFound: failure(SessionNotFound, 404, coded("not_found"), {
    description: "No session of yours that is still alive has this id.",
    example: new SessionNotFound()
  }),
  PreferencesVersionMismatch: failureWithHeaders(
    PreferencesVersionMismatch,
    412,
    coded("precondition_failed"),
    { etag: (error) => `"${error.currentVersion}"` },
    {
      description:
        "The preferences are not at a version that `If-Match` names, or at one that `If-None-Match` names; `ETag` has the " +
        "one they are at.",
      example: new PreferencesVersionMismatch({ currentVersion: 7 })
    }
  ),
  InvalidInput: failure(InvalidInput, 422, (error) => invalidInput(error.problems), {
    description: "Fields are missing or wrong; each is named in `data`, which has the shape of the input.",
    example: new InvalidInput({ problems: { field: ["This field is required."] } })
  }),
  EmailTaken: failure(EmailTaken, 422, (error) => invalidInput({ email: [error.message] }), {
    description: "Another account has this e-mail address.",
    example: new EmailTaken()
  }),
  UsernameTaken: failure(UsernameTaken, 422, (error) => invalidInput({ username: [error.message] }), {
    description: "Another account has this username, in whatever case.",
    example: new UsernameTaken()
  }),
  UsernameNotAllowed: failure(UsernameNotAllowed, 422, (error) => invalidInput({ username: [error.message] }), {
    description: "The username is reserved, or reads as an e-mail address that is not the account's own.",
    example: new UsernameNotAllowed({ problem: "reserved" })
  }),
  DeviceTaken: failure(DeviceTaken, 422, (error) => invalidInput({ device_id: [error.message] }), {
    description: "Another push token of yours stands for this device on this platform.",
    example: new DeviceTaken()
  }),
  DeviceTokenMalformed: failure(
    DeviceTokenMalformed,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: [error.message] }),
    {
      description: "The text can be no token of this type.",
      example: new DeviceTokenMalformed({ field: "token", tokenType: "apns" })
    }
  ),
  DeviceTokenTaken: failure(DeviceTokenTaken, 422, (error) => invalidInput({ token_type: [error.message] }), {
    description: "Another push token has the form that the new type gives this one.",
    example: new DeviceTokenTaken()
  }),
  PasswordRejected: failure(
    PasswordRejected,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: error.problems }),
    {
      description: "The new password breaks the rules; every one it breaks is told.",
      example: new PasswordRejected({ field: "password", problems: ["This password is too common."] })
    }
  ),
  IncorrectPassword: failure(
    IncorrectPassword,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: [error.message] }),
    {
      description: "The current password is not right.",
      example: new IncorrectPassword({ field: "oldPassword" })
    }
  ),
  PreferencesContradictory: failure(
    PreferencesContradictory,
    422,
    (error) => invalidInput({ [String.camelToSnake(error.field)]: [error.message] }),
    {
      description: "The quiet hours, once merged with the ones that stand, lack an end or are of no length.",
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
      description: "Deliveries are asked about for times too far from now; nothing was decided of any.",
      example: new DeliveryTimeOutOfReach({ indexes: [0] })
    }
  ),
  RateLimited: failureWithHeaders(
    RateLimited,
    429,
    coded("rate_limited"),
    {
      "retry-after": (error) => `${error.retryAfterSeconds}`,
      "ratelimit-policy": rateLimitPolicyHeader,
      ratelimit: rateLimitHeader
    },
    {
      description: "Too many attempts. Nothing was done.",
      example: new RateLimited({ policy: "login-account", limit: 10, windowSeconds: 300, retryAfterSeconds: 42 })
    }
  ),
  ServiceUnavailable: failureWithHeaders(
    ServiceUnavailable,
    503,
    coded("service_unavailable"),
    { "retry-after": (error) => `${error.retryAfterSeconds}` },
    {
      description: "What the request needs is out of reach or overloaded. Nothing was changed; it may be sent again.",
      example: new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 })
    }
  )
}
