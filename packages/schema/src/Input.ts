import { Email, maxEmailLength, normaliseEmail } from "@user-service/domain/User"
import { Schema, SchemaTransformation } from "effect"
import { Text } from "@user-service/domain/Text"

export const required = { messageMissingKey: "This field is required." }

// How long one is once it is trimmed, and of letters of any script, which JSON Schema's `email` has not.
const documented = Schema.makeFilter(() => true, { toJsonSchema: () => [{ maxLength: maxEmailLength }, true] })

/** An e-mail address as it is shown. */
export const EmailBody = Schema.String.check(documented).annotate({ format: "idn-email" })

/** An e-mail address however it is typed; decoded to the one form it is kept in. */
export const EmailInput = Text.check(documented).pipe(
  Schema.annotate({ format: "idn-email" }),
  Schema.decodeTo(Email, SchemaTransformation.transform({ decode: normaliseEmail, encode: (email) => email }))
)

const notBlank = Schema.isMinLength(1, { message: "This field may not be blank." })

/** A password; never shown once decoded. */
export const PasswordInput = Schema.RedactedFromValue(Text.check(notBlank).annotate({ format: "password" }), {
  label: "password"
}).annotateKey(required)

/** A token of ours; never shown once decoded. */
export const TokenInput = Schema.RedactedFromValue(Text.check(notBlank), { label: "token" })
