import {
  AvatarUrl,
  maxAvatarUrlLength,
  maxTimeZoneLength,
  normaliseAvatarUrl,
  normaliseTimeZone,
  TimeZone
} from "@user-service/domain/Profile"
import { PushTokenId } from "@user-service/domain/PushToken"
import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { Text } from "@user-service/domain/Text"
import { Email, EmailSpelling, maxEmailLength, normaliseEmail } from "@user-service/domain/Email"
import { UserId } from "@user-service/domain/User"
import { anyCase } from "@user-service/domain/Uuid"
import { Schema, SchemaTransformation } from "effect"

export const requiredField = { messageMissingKey: "This field is required." }

// Text that is brought to the form it is kept in before that is checked; `documented` is what JSON Schema says of it.
const normalised = <Kept extends string>(
  kept: Schema.Codec<Kept, string>,
  normalise: (text: string) => string,
  documented: { readonly maxLength: number; readonly format?: string }
) =>
  Text.check(Schema.makeFilter(() => true, { toJsonSchema: () => [documented, true] })).pipe(
    Schema.decodeTo(kept, SchemaTransformation.transform({ decode: normalise, encode: (text) => text }))
  )

// Of letters of any script, which JSON Schema's `email` has not.
const documentedEmail = { maxLength: maxEmailLength, format: "idn-email" }

/** An e-mail address as it is shown. */
export const EmailBody = Schema.String.check(
  Schema.makeFilter(() => true, { toJsonSchema: () => [documentedEmail, true] })
)

/** The e-mail address of an account to be, however it is typed; decoded to the spelling it is kept in. */
export const EmailInput = normalised(Email, normaliseEmail, documentedEmail)

/** The e-mail address of an account that there may be, also one that would not be taken for a new one. */
export const LoginEmailInput = normalised(EmailSpelling, (text) => text.trim().toLowerCase(), documentedEmail)

/** The address of a picture however it is typed. */
export const AvatarUrlInput = normalised(AvatarUrl, normaliseAvatarUrl, {
  maxLength: maxAvatarUrlLength,
  format: "uri"
})

/** The name of a time zone in any case. */
export const TimeZoneInput = normalised(TimeZone, normaliseTimeZone, { maxLength: maxTimeZoneLength })

/** The check for at least one character. */
export const notBlank = Schema.isMinLength(1, { message: "This field may not be blank." })

/** A password; never shown once decoded. */
export const PasswordInput = Schema.RedactedFromValue(Text.check(notBlank).annotate({ format: "password" }), {
  label: "password"
}).annotateKey(requiredField)

/** A token of ours; never shown once decoded. */
export const TokenInput = Schema.RedactedFromValue(Text.check(notBlank), { label: "token" })

const notAUuid = "Must be a valid UUID."

/** A user's id, as a service names it. */
export const UserIdInput = anyCase(UserId, notAUuid)

/** A push token's id, as a service names it. */
export const PushTokenIdInput = anyCase(PushTokenId, notAUuid)

/** A time as RFC 3339 writes it, with any offset. What is finer than a millisecond is lost. */
export const TimeInput = Rfc3339

/** A list of at most `max` of something. */
export const listUpTo = <Item extends Schema.Top>(item: Item, max: number) =>
  Schema.Array(item).check(Schema.isMaxLength(max, { message: `Ensure this list has no more than ${max} items.` }))
