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

// Text that is normalised and then checked. `jsonSchema` describes it in JSON Schema.
const normaliseText = <Normalised extends string>(
  schema: Schema.Codec<Normalised, string>,
  normalise: (text: string) => string,
  jsonSchema: { readonly maxLength: number; readonly format?: string }
) =>
  Text.check(Schema.makeFilter(() => true, { toJsonSchema: () => [jsonSchema, true] })).pipe(
    Schema.decodeTo(schema, SchemaTransformation.transform({ decode: normalise, encode: (text) => text }))
  )

// `idn-email`, since JSON Schema's `email` allows only ASCII.
const documentedEmail = { maxLength: maxEmailLength, format: "idn-email" }

/** An e-mail address in a response. */
export const EmailBody = Schema.String.check(
  Schema.makeFilter(() => true, { toJsonSchema: () => [documentedEmail, true] })
)

/** The e-mail address of a new account, in any spelling. Decoded to the normalised spelling. */
export const EmailInput = normaliseText(Email, normaliseEmail, documentedEmail)

/** The e-mail address of a login. It may have a form that new accounts do not accept. */
export const LoginEmailInput = normaliseText(EmailSpelling, (text) => text.trim().toLowerCase(), documentedEmail)

/** The URL of a picture, in any spelling. */
export const AvatarUrlInput = normaliseText(AvatarUrl, normaliseAvatarUrl, {
  maxLength: maxAvatarUrlLength,
  format: "uri"
})

/** The name of a time zone in any case. */
export const TimeZoneInput = normaliseText(TimeZone, normaliseTimeZone, { maxLength: maxTimeZoneLength })

/** Checks that a text is not empty. */
export const notBlank = Schema.isMinLength(1, { message: "This field may not be blank." })

/** A password, decoded to a `Redacted`. */
export const PasswordInput = Schema.RedactedFromValue(Text.check(notBlank).annotate({ format: "password" }), {
  label: "password"
}).annotateKey(requiredField)

/** A token of this service, decoded to a `Redacted`. */
export const TokenInput = Schema.RedactedFromValue(Text.check(notBlank), { label: "token" })

const notAUuid = "Must be a valid UUID."

/** A user's id in the request of a service, in any case. */
export const UserIdInput = anyCase(UserId, notAUuid)

/** A push token's id in the request of a service, in any case. */
export const PushTokenIdInput = anyCase(PushTokenId, notAUuid)

/** A time in RFC 3339, with any offset. Fractions of a millisecond are dropped. */
export const TimeInput = Rfc3339

/** A list of at most `max` items. */
export const listUpTo = <Item extends Schema.Top>(item: Item, max: number) =>
  Schema.Array(item).check(Schema.isMaxLength(max, { message: `Ensure this list has no more than ${max} items.` }))
