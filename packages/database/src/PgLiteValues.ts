import { PgTypes } from "@effect/sql-pg"

const { OID } = PgTypes

/**
 * Parsers that make PGlite return the same values as the PostgreSQL client, so that one set of row schemas fits both. `interval`,
 * `timetz` and `float4` still differ; the schema has no such columns (decision 0002).
 */
export const parsers: Record<number, (text: string) => unknown> = {
  [OID.int8]: BigInt,
  [OID.date]: (text) => text,
  [OID.time]: (text) => {
    const [hours = "", minutes = "", seconds = ""] = text.split(":")
    const wholeSeconds = (Number(hours) * 60 + Number(minutes)) * 60
    return BigInt(Math.round((wholeSeconds + Number(seconds)) * 1_000_000))
  },
  // Interpreted as UTC, whatever the time zone of this process.
  [OID.timestamp]: (text) => new Date(`${text}Z`),
  // `infinity` becomes an invalid date.
  [OID.timestamptz]: (text) => new Date(text)
}

/**
 * The parameter type that the PostgreSQL client infers from a value and declares to the server. 0 lets the server infer the type
 * from the statement. PGlite would always do that, and so accept statements that PostgreSQL refuses. Throws for an array
 * that contains only nulls, which has no type.
 */
export const typeOf = (value: unknown): number => {
  if (Array.isArray(value)) {
    const element = value.find((element) => element !== null && element !== undefined)
    if (element === undefined && value.length > 0) throw new TypeError("An array that contains only nulls has no type")
    return element === undefined ? 0 : (PgTypes.arrayOidFor(typeOf(element) || OID.text) ?? 0)
  }
  if (typeof value === "boolean") return OID.bool
  if (typeof value === "bigint") return OID.int8
  if (typeof value === "number") return typeOfNumber(value)
  if (value instanceof Date) return OID.timestamptz
  return value instanceof Uint8Array ? OID.bytea : 0
}

const typeOfNumber = (value: number): number => {
  if (!Number.isSafeInteger(value)) return OID.float8
  return value >= -(2 ** 31) && value < 2 ** 31 ? OID.int4 : OID.int8
}
