import { Schema, SchemaTransformation } from "effect"

/**
 * An id in any letter case (RFC 9562, section 4), decoded to lower case. Ids are compared, cached and locked by their text,
 * so every id that comes from outside goes through this. `message` replaces what an input that is no UUID is refused with.
 */
export const anyCase = <Id extends string>(id: Schema.Codec<Id, string>, message?: string) =>
  Schema.String.check(Schema.isUUID(undefined, message === undefined ? undefined : { message })).pipe(
    Schema.decodeTo(
      id,
      SchemaTransformation.transform({ decode: (text) => text.toLowerCase(), encode: (text) => text })
    )
  )
