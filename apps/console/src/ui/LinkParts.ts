import { Effect, Schema } from "effect"

/** A part of the query of a link, left out if it is missing or invalid. */
export const linkPart = <S extends Schema.Codec<unknown>>(schema: S) =>
  Schema.optionalKey(schema).pipe(Schema.catchDecoding(() => Effect.succeedNone))

// The router reads a text such as "404" or "true" as a number or a boolean, if it reads back as the same text.
const textOf = (value: unknown): unknown =>
  typeof value === "number" || typeof value === "boolean" ? String(value) : value

/** Reads the query of a link, whose parts are texts. It may have others, since the router passes on what a route does not know. */
export const linkParts = <S extends Schema.Decoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownSync(schema)
  return (search: Readonly<Record<string, unknown>>): S["Type"] =>
    decode(Object.fromEntries(Object.entries(search).map(([name, value]) => [name, textOf(value)])))
}
