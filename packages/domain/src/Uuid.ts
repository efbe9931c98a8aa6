import { Schema, SchemaTransformation } from "effect"

/**
 * An id in any letter case (RFC 9562, section 4), decoded to lower case. Use it for every external id, because ids are compared, cached
 * and locked by their text. `message` replaces the message for an invalid UUID.
 */
export const anyCase = <Id extends string>(id: Schema.Codec<Id, string>, message?: string) =>
  Schema.String.check(Schema.isUUID(undefined, message === undefined ? undefined : { message })).pipe(
    Schema.decodeTo(
      id,
      SchemaTransformation.transform({ decode: (text) => text.toLowerCase(), encode: (text) => text })
    )
  )
