import { Predicate, Schema, SchemaTransformation, String, Struct } from "effect"

/** The wire name of a domain field: `frequency_limit` for `frequencyLimit`. */
type WireName<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${WireName<Tail>}`
  : ""

/** Fields under their wire names. */
export type OnWire<Fields extends object> = {
  readonly [Name in keyof Fields & string as WireName<Name>]: Fields[Name]
}

const entries = (fields: object) => Object.entries<unknown>({ ...fields })

/** Renames fields to their wire names. */
export const onWire = <Fields extends object>(fields: Fields) =>
  Object.fromEntries(entries(fields).map(([name, value]) => [String.camelToSnake(name), value])) as OnWire<Fields>

/** The wire name of each domain field. */
const wireNames = <Fields extends object>(fields: Fields) =>
  Object.fromEntries(entries(fields).map(([name]) => [name, String.camelToSnake(name)])) as {
    readonly [Name in keyof Fields & string]: WireName<Name>
  }

// The compiler cannot check computed names.
const renameTo = <To>(names: Readonly<Record<string, string>>) => Struct.renameKeys(names) as (from: object) => To

/** A wire schema for each domain field, which decodes to the field's type. */
type WireFields<Fields extends Schema.Struct.Fields> = {
  readonly [Name in keyof Fields & string as WireName<Name>]: Schema.Top & { readonly Type: Fields[Name]["Type"] }
}

/**
 * Decodes a wire input to a domain struct. If the struct gains a field, the input has to declare it in order to compile. Fields
 * are renamed after they are checked, so that all issues have wire names. `Schema.encodeKeys` would report transformed fields
 * under their domain names and check the others twice.
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
