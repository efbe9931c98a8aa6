import { PgTypes } from "@effect/sql-pg"

const { OID } = PgTypes

/**
 * Columns as the PostgreSQL client gives them, where PGlite has its own mind: one SQL, one set of row schemas. Of the
 * types that the schema has no column of, `interval`, `timetz` and `float4` still differ.
 */
export const parsers: Record<number, (text: string) => unknown> = {
  [OID.int8]: BigInt,
  [OID.date]: (text) => text,
  [OID.time]: (text) => {
    const [hours = "", minutes = "", seconds = ""] = text.split(":")
    const wholeSeconds = (Number(hours) * 60 + Number(minutes)) * 60
    return BigInt(Math.round((wholeSeconds + Number(seconds)) * 1_000_000))
  },
  // Its fields are those of UTC, whatever zone this process is in.
  [OID.timestamp]: (text) => new Date(`${text}Z`),
  // An infinite one is an invalid date.
  [OID.timestamptz]: (text) => new Date(text)
}

/**
 * The type that a parameter has by its value alone, which the PostgreSQL client declares to the server; 0 leaves it to the
 * statement. PGlite would leave everything to it, and so run statements that PostgreSQL refuses. Throws for an array of
 * nulls alone, which has none.
 */
export const typeOf = (value: unknown): number => {
  if (Array.isArray(value)) {
    const element = value.find((element) => element !== null && element !== undefined)
    if (element === undefined && value.length > 0) throw new TypeError("An array of nulls alone has no type")
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
