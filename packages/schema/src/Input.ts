import { Email, normaliseEmail } from "@user-service/domain/User"
import { Schema, SchemaTransformation } from "effect"
import { Text } from "@user-service/domain/Text"

export const required = { messageMissingKey: "This field is required." }

/** An e-mail address however it is typed; decoded to the one form it is kept in. */
export const EmailInput = Text.pipe(
  Schema.annotate({ format: "email" }),
  Schema.decodeTo(Email, SchemaTransformation.transform({ decode: normaliseEmail, encode: (email) => email }))
)

const notBlank = Schema.isMinLength(1, { message: "This field may not be blank." })

/** A password; never shown once decoded. */
export const PasswordInput = Schema.RedactedFromValue(Text.check(notBlank).annotate({ format: "password" }), {
  label: "password"
}).annotateKey(required)

/** A token of ours; never shown once decoded. */
export const TokenInput = Schema.RedactedFromValue(Text.check(notBlank), { label: "token" })
