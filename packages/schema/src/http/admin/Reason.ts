import { Text } from "@user-service/domain/Text"
import { Schema, SchemaTransformation } from "effect"
import { requiredField } from "../../Input.ts"

const message = "Enter a reason of 3 to 500 characters."

const trimmed = Text.check(Schema.isMinCodePoints(3, { message }), Schema.isMaxCodePoints(500, { message }))

/** Why a member of staff acts. Every act that changes something requires it, and the audit log keeps it. */
export const Reason = Text.pipe(
  Schema.decodeTo(trimmed, SchemaTransformation.transform({ decode: (text) => text.trim(), encode: (text) => text }))
).annotateKey({ ...requiredField, description: "Why you do this, for the audit log. 3 to 500 characters." })

/** The example of a reason in the documents. */
export const reasonExample = "Ticket 4711: the user asked by phone"
