import { assert, describe, it } from "@effect/vitest"
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
import { RateLimited } from "@user-service/domain/RateLimit"
import { NotStaff, RoleTooLow } from "@user-service/domain/Role"
import { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { SessionNotFound } from "@user-service/domain/Session"
import { LastAdministrator, OwnAccountProtected } from "@user-service/domain/StaffRules"
import { TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { EmailTaken } from "@user-service/domain/Email"
import { UsernameNotAllowed, UsernameTaken, UserNotFound } from "@user-service/domain/User"
import { type FailureCode, noPage, type Problems } from "@user-service/schema/Envelope"
import {
  AuthenticationRequired,
  exampleBody,
  Failures,
  InvalidInput,
  invalidInput,
  MalformedJson
} from "@user-service/schema/Failures"
import { Effect, Exit, Option, Predicate, Schema } from "effect"

const told = (code: FailureCode, message: string) => ({
  success: false,
  message,
  data: null,
  error: message,
  code,
  meta: noPage
})

const invalid = (data: Problems) => ({
  success: false,
  message: "Invalid input data",
  data,
  error: "Validation failed",
  code: "validation_failed",
  meta: noPage
})

// How a failure reads: its status, its body, and its headers where it has some.
const wire = <E>(schema: Schema.Codec<E, unknown>, error: E) => {
  const encoded = Schema.encodeSync(schema)(error)
  const status = Schema.resolveAnnotations(schema)?.httpApiStatus
  return Predicate.hasProperty(encoded, "headers") ? { status, ...encoded } : { status, body: encoded }
}

const problems = { profile: { timezone: ["Enter a valid IANA time zone."] } }
const limited = new RateLimited({ policy: "login-account", limit: 10, windowSeconds: 300, retryAfterSeconds: 42 })

const readings: { readonly [Name in keyof typeof Failures]: readonly [actual: unknown, expected: unknown] } = {
  MalformedJson: [
    wire(Failures.MalformedJson, new MalformedJson()),
    { status: 400, body: told("malformed_json", "The request body is not valid JSON") }
  ],
  AuthenticationRequired: [
    wire(Failures.AuthenticationRequired, new AuthenticationRequired()),
    { status: 401, body: told("authentication_required", "Authentication credentials were not provided") }
  ],
  InvalidCredentials: [
    wire(Failures.InvalidCredentials, new InvalidCredentials()),
    { status: 401, body: told("invalid_credentials", "Invalid email or password") }
  ],
  TokenInvalid: [
    wire(Failures.TokenInvalid, new TokenInvalid()),
    { status: 401, body: told("token_invalid", "Token is invalid") }
  ],
  TokenExpired: [
    wire(Failures.TokenExpired, new TokenExpired()),
    { status: 401, body: told("token_expired", "Token has expired") }
  ],
  Unauthenticated: [
    [
      wire(Failures.Unauthenticated, new Unauthenticated({ reason: "missing" })),
      wire(Failures.Unauthenticated, new Unauthenticated({ reason: "unknown" })),
      wire(Failures.Unauthenticated, new Unauthenticated({ reason: "expired" }))
    ],
    [
      { status: 401, body: told("authentication_required", "An API key was not provided") },
      { status: 401, body: told("invalid_credentials", "The API key is not valid") },
      { status: 401, body: told("invalid_credentials", "The API key has expired") }
    ]
  ],
  ForbiddenScope: [
    wire(Failures.ForbiddenScope, new ForbiddenScope({ scope: "tokens" })),
    { status: 403, body: told("forbidden", 'The API key lacks the scope "tokens"') }
  ],
  DeliveryTimeOutOfReach: [
    wire(Failures.DeliveryTimeOutOfReach, new DeliveryTimeOutOfReach({ indexes: [0, 2] })),
    {
      status: 422,
      body: invalid({
        deliveries: {
          "0": { at: ["Must be within 30 days of now."] },
          "2": { at: ["Must be within 30 days of now."] }
        }
      })
    }
  ],
  RoleTooLow: [
    wire(Failures.RoleTooLow, new RoleTooLow({ required: "support" })),
    { status: 403, body: told("forbidden", "This requires the role support") }
  ],
  OwnAccountProtected: [
    wire(Failures.OwnAccountProtected, new OwnAccountProtected()),
    { status: 403, body: told("forbidden", "Another administrator has to do this to your account") }
  ],
  LastAdministrator: [
    wire(Failures.LastAdministrator, new LastAdministrator()),
    { status: 409, body: told("conflict", "This is the last administrator") }
  ],
  NotStaff: [wire(Failures.NotStaff, new NotStaff()), { status: 404, body: told("not_found", "No such route") }],
  UserNotFound: [
    wire(Failures.UserNotFound, new UserNotFound()),
    { status: 404, body: told("not_found", "User not found") }
  ],
  DeadLetterNotFound: [
    wire(Failures.DeadLetterNotFound, new DeadLetterNotFound()),
    { status: 404, body: told("not_found", "Dead letter not found") }
  ],
  DeadLetterCut: [
    wire(Failures.DeadLetterCut, new DeadLetterCut()),
    {
      status: 409,
      body: told("conflict", "Only the beginning of this message is stored, so it can be discarded, but not replayed")
    }
  ],
  PushTokenNotFound: [
    wire(Failures.PushTokenNotFound, new PushTokenNotFound()),
    { status: 404, body: told("not_found", "Push token not found") }
  ],
  SessionNotFound: [
    wire(Failures.SessionNotFound, new SessionNotFound()),
    { status: 404, body: told("not_found", "Session not found") }
  ],
  PreferencesVersionMismatch: [
    wire(Failures.PreferencesVersionMismatch, new PreferencesVersionMismatch({ currentVersion: 7 })),
    {
      status: 412,
      body: told("precondition_failed", "The preferences were changed meanwhile"),
      headers: { etag: '"7"' }
    }
  ],
  InvalidInput: [wire(Failures.InvalidInput, new InvalidInput({ problems })), { status: 422, body: invalid(problems) }],
  IdempotencyKeyReused: [
    wire(Failures.IdempotencyKeyReused, new IdempotencyKeyReused()),
    { status: 422, body: told("idempotency_key_reused", "This idempotency key was used with another request body") }
  ],
  IdempotentRequestInProgress: [
    wire(Failures.IdempotentRequestInProgress, new IdempotentRequestInProgress()),
    { status: 409, body: told("conflict", "A request with this idempotency key is still in progress") }
  ],
  RegistrationOutdated: [
    wire(Failures.RegistrationOutdated, new RegistrationOutdated()),
    {
      status: 409,
      body: told(
        "conflict",
        "The account was registered with this idempotency key and has changed since then. Log in instead."
      )
    }
  ],
  EmailTaken: [
    wire(Failures.EmailTaken, new EmailTaken()),
    { status: 422, body: invalid({ email: ["A user with this email already exists."] }) }
  ],
  UsernameTaken: [
    wire(Failures.UsernameTaken, new UsernameTaken()),
    { status: 422, body: invalid({ username: ["A user with that username already exists."] }) }
  ],
  UsernameNotAllowed: [
    wire(Failures.UsernameNotAllowed, new UsernameNotAllowed({ problem: "not_own_email" })),
    { status: 422, body: invalid({ username: ["A username with an @ must be the account's own email address."] }) }
  ],
  DeviceTaken: [
    wire(Failures.DeviceTaken, new DeviceTaken()),
    { status: 422, body: invalid({ device_id: ["Another push token is registered for this device."] }) }
  ],
  DeviceTokenMalformed: [
    wire(Failures.DeviceTokenMalformed, new DeviceTokenMalformed({ field: "tokenType", tokenType: "onesignal" })),
    { status: 422, body: invalid({ token_type: ["A OneSignal subscription id is a UUID."] }) }
  ],
  DeviceTokenTaken: [
    wire(Failures.DeviceTokenTaken, new DeviceTokenTaken()),
    { status: 422, body: invalid({ token_type: ["This token is registered already under this type."] }) }
  ],
  PasswordRejected: [
    wire(
      Failures.PasswordRejected,
      new PasswordRejected({ field: "newPassword", problems: ["Too short.", "Too common."] })
    ),
    { status: 422, body: invalid({ new_password: ["Too short.", "Too common."] }) }
  ],
  IncorrectPassword: [
    wire(Failures.IncorrectPassword, new IncorrectPassword({ field: "oldPassword" })),
    { status: 422, body: invalid({ old_password: ["The password is incorrect."] }) }
  ],
  CursorInvalid: [
    wire(Failures.CursorInvalid, new CursorInvalid()),
    { status: 422, body: invalid({ cursor: ["Enter the next_cursor of a page of the same list."] }) }
  ],
  OneTimeTokenInvalid: [
    wire(Failures.OneTimeTokenInvalid, new OneTimeTokenInvalid()),
    { status: 422, body: invalid({ token: ["This link is invalid or has expired."] }) }
  ],
  PreferencesContradictory: [
    wire(
      Failures.PreferencesContradictory,
      new PreferencesContradictory({ field: "doNotDisturbEnd", problem: "Must differ from the start." })
    ),
    { status: 422, body: invalid({ do_not_disturb_end: ["Must differ from the start."] }) }
  ],
  RateLimited: [
    wire(Failures.RateLimited, limited),
    {
      status: 429,
      body: told("rate_limited", "Too many attempts. Try again in 42 seconds."),
      headers: {
        "retry-after": "42",
        "ratelimit-policy": '"login-account";q=10;w=300',
        ratelimit: '"login-account";r=0;t=42'
      }
    }
  ],
  ServiceUnavailable: [
    wire(Failures.ServiceUnavailable, new ServiceUnavailable({ what: "database", retryAfterSeconds: 5 })),
    {
      status: 503,
      body: told("service_unavailable", "The database is not available, try again in 5 s"),
      headers: { "retry-after": "5" }
    }
  ]
}

describe("Failures", () => {
  it.each(Object.entries(readings))("%s has the body of the contract", (_, [actual, expected]) => {
    assert.deepStrictEqual(actual, expected)
  })

  it.each(Object.entries(Failures))("%s has an example for the documentation", (_, failure) => {
    assert.isTrue(Option.isSome(exampleBody(failure)))
    assert.isNotEmpty(Schema.resolveAnnotations(failure)?.description)
  })

  it.each([
    [Failures.TokenInvalid, told("token_invalid", "Token is invalid")],
    [Failures.ServiceUnavailable, { body: told("service_unavailable", "Gone"), headers: { "retry-after": "5" } }]
  ])("an encoded body is not decoded to an error", (failure, body) => {
    assert.isTrue(Exit.isFailure(Effect.runSyncExit(Schema.decodeUnknownEffect(failure)(body))))
  })

  it("no failure contains more than its envelope", () => {
    assert.deepStrictEqual<unknown>(invalidInput(problems), invalid(problems))
    for (const failure of Object.values(Failures)) {
      assert.deepStrictEqual(Object.keys(Option.getOrThrow(exampleBody(failure))).toSorted(), [
        "code",
        "data",
        "error",
        "message",
        "meta",
        "success"
      ])
    }
  })
})
