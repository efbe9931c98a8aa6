import { Predicate, Schema, SchemaTransformation, String, Struct } from "effect"

/** The name on the wire of a field of the domain: `frequency_limit` of `frequencyLimit`. */
type WireName<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${WireName<Tail>}`
  : ""

/** Fields under their names on the wire. */
export type OnWire<Fields extends object> = {
  readonly [Name in keyof Fields & string as WireName<Name>]: Fields[Name]
}

const entries = (fields: object) => Object.entries<unknown>({ ...fields })

/** The same fields under their names on the wire. */
export const onWire = <Fields extends object>(fields: Fields) =>
  Object.fromEntries(entries(fields).map(([name, value]) => [String.camelToSnake(name), value])) as OnWire<Fields>

/** For each field of the domain its name on the wire. */
const wireNames = <Fields extends object>(fields: Fields) =>
  Object.fromEntries(entries(fields).map(([name]) => [name, String.camelToSnake(name)])) as {
    readonly [Name in keyof Fields & string]: WireName<Name>
  }

// Of names that are computed the compiler knows nothing.
const renameTo = <To>(names: Readonly<Record<string, string>>) => Struct.renameKeys(names) as (from: object) => To

/** For each field of the domain a schema of the wire that decodes to the type of the field. */
type WireFields<Fields extends Schema.Struct.Fields> = {
  readonly [Name in keyof Fields & string as WireName<Name>]: Schema.Top & { readonly Type: Fields[Name]["Type"] }
}

/**
 * Decodes an input of the wire to a struct of the domain: a field that is added to the struct does not compile until the input
 * has it. The input is judged before its fields are renamed, so that the issues of every field have the names of the wire;
 * `Schema.encodeKeys` judges transformed fields under the names of the domain, and the others once more.
 */
export const decodeToDomain =
  <Fields extends Schema.Struct.Fields>(domain: Schema.Struct<Fields>) =>
  <Wire extends Schema.Top & { readonly Type: object; readonly fields: WireFields<Fields> }>(wire: Wire) => {
    type Domain = Schema.Struct<Fields>["Type"]
    const names = wireNames(domain.fields)
    const domainNames = Object.fromEntries(Object.entries<string>(names).map(([name, wireName]) => [wireName, name]))
    return wire.pipe(
      Schema.decodeTo(
        Schema.declare((input): input is Domain => Predicate.isObject(input)),
        SchemaTransformation.transform<Domain, Wire["Type"]>({
          decode: renameTo<Domain>(domainNames),
          encode: renameTo<Wire["Type"]>(names)
        })
      )
    )
  }
