import { Duration, Schema } from "effect"

/** What a one-time token permits. A token of one purpose is refused for any other. */
export const OneTimeTokenPurpose = Schema.Literals(["password_reset", "email_verification", "email_change"])
export type OneTimeTokenPurpose = typeof OneTimeTokenPurpose.Type

/** How long a one-time token can be used after it was issued. */
export const oneTimeTokenLifetime = Duration.hours(1)

/**
 * The one-time token is unknown, used, expired, replaced by a newer one, or for an address that is no longer usable. One error for
 * all, so that it does not reveal which.
 */
export class OneTimeTokenInvalid extends Schema.TaggedError<OneTimeTokenInvalid>()(
  "OneTimeTokenInvalid",
  {},
  { httpApiStatus: 422 }
) {
  override get message() {
    return "This link is invalid or has expired."
  }
}
