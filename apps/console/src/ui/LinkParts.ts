import { Effect, Schema } from "effect"

/** A part of the query of a link, left out if it is missing or invalid. */
export const linkPart = <S extends Schema.Codec<unknown>>(schema: S) =>
  Schema.optionalKey(schema).pipe(Schema.catchDecoding(() => Effect.succeedNone))

/** Reads the query of a link. It may have other parts, since the router passes on what a route does not know. */
export const linkParts = <S extends Schema.Decoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownSync(schema)
  return (search: Readonly<Record<string, unknown>>): S["Type"] => decode(search)
}
