import { Schema } from "effect"

/**
 * A key by which a client repeats a request without repeating its effect (draft-ietf-httpapi-idempotency-key-header-07): 1 to
 * 255 printable ASCII characters.
 */
export const IdempotencyKey = Schema.String.check(Schema.isPattern(/^[\x20-\x7e]{1,255}$/)).pipe(
  Schema.brand("IdempotencyKey")
)
export type IdempotencyKey = typeof IdempotencyKey.Type

/** The key belongs to an earlier request with another body. */
export class IdempotencyKeyReused extends Schema.TaggedError<IdempotencyKeyReused>()(
  "IdempotencyKeyReused",
  {},
  { httpApiStatus: 422 }
) {
  override get message() {
    return "This idempotency key was used with another request body"
  }
}

/** Another request with the same key has not been answered yet. */
export class IdempotentRequestInProgress extends Schema.TaggedError<IdempotentRequestInProgress>()(
  "IdempotentRequestInProgress",
  {},
  { httpApiStatus: 409 }
) {
  override get message() {
    return "A request with this idempotency key is still in progress"
  }
}

/** The password of the account was changed, or the account was disabled, after the registration with this key. */
export class RegistrationOutdated extends Schema.TaggedError<RegistrationOutdated>()(
  "RegistrationOutdated",
  {},
  { httpApiStatus: 409 }
) {
  override get message() {
    return "The account was registered with this idempotency key and has changed since then. Log in instead."
  }
}
