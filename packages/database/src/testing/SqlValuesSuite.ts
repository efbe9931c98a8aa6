import { assert, describe, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { reasonOf, sqlStateOf } from "./Things.ts"

/** A type, the value sent, and the value received. */
type Value = readonly [type: string, sent: unknown, received: unknown]

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const epoch = new Date(0)
const id = "0199f1f4-8a6e-7c1b-9d2e-3f4a5b6c7d8e"

const values: ReadonlyArray<Value> = [
  ["boolean", true, true],
  ["smallint", -7, -7],
  ["integer", 2_147_483_647, 2_147_483_647],
  ["bigint", 9_007_199_254_740_993n, 9_007_199_254_740_993n],
  ["bigint", 2 ** 40, 2n ** 40n],
  ["bigint", 5, 5n],
  ["double precision", 0.1, 0.1],
  ["numeric", "12345678901234567890.10", "12345678901234567890.10"],
  ["text", `"ü" \\ 'é' {,} 💡\n`, `"ü" \\ 'é' {,} 💡\n`],
  ["text", "", ""],
  ["uuid", id.toUpperCase(), id],
  ["bytea", everyByte, everyByte],
  ["bytea", new Uint8Array(), new Uint8Array()],
  ["jsonb", `{"b": [1, null, "ü"], "a": {}}`, { b: [1, null, "ü"], a: {} }],
  ["jsonb", "null", null],
  ["timestamptz", new Date("2026-11-24T23:59:59.999Z"), new Date("2026-11-24T23:59:59.999Z")],
  ["timestamptz", "2026-11-24 12:00:00.123999+02", new Date("2026-11-24T10:00:00.123Z")],
  ["timestamptz", new Date("1969-12-31T23:59:59.001Z"), new Date("1969-12-31T23:59:59.001Z")],
  ["timestamptz", "infinity", new Date(Number.NaN)],
  ["timestamp", "2026-11-24 12:00:00.5", new Date("2026-11-24T12:00:00.500Z")],
  ["date", "2026-11-24", "2026-11-24"],
  ["time", "22:30", 81_000_000_000n],
  ["time", "23:59:59.000001", 86_399_000_001n],
  ["text[]", ["a,b", '"', "\\", "NULL", "", " ", null, "{}"], ["a,b", '"', "\\", "NULL", "", " ", null, "{}"]],
  ["uuid[]", [id, id], [id, id]],
  ["integer[]", [1, -2, 3], [1, -2, 3]],
  ["bigint[]", [1n, 2n ** 62n], [1n, 2n ** 62n]],
  ["boolean[]", [true, false], [true, false]],
  ["bytea[]", [everyByte, new Uint8Array()], [everyByte, new Uint8Array()]],
  ["timestamptz[]", [epoch], [epoch]],
  ...["text[]", "uuid[]", "bigint[]", "bytea[]", "timestamptz[]"].map((type): Value => [type, [], []]),
  ...["boolean", "integer", "bigint", "text", "uuid", "bytea", "jsonb", "timestamptz", "time", "uuid[]"].map(
    (type): Value => [type, null, null]
  )
]

/** The contract of a `SqlClient`: parameters and columns. */
export const suite = (it: Vitest.MethodsNonLive<SqlClient.SqlClient>) =>
  describe("values", () => {
    it.effect("a parameter is returned in a column as the same kind of value", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        for (const [type, sent, received] of values) {
          const rows = yield* sql`select ${sent}::${sql.literal(type)} as value`
          assert.deepStrictEqual(rows, [{ value: received }], type)
        }
      })
    )

    it.effect("a parameter has the type of its value, whatever the statement expects", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(
          yield* sql`
            select pg_typeof(${1})::text as int, pg_typeof(${2 ** 40})::text as big, pg_typeof(${1n})::text as bigint,
              pg_typeof(${0.5})::text as float, pg_typeof(${true})::text as bool,
              pg_typeof(${epoch})::text as time, pg_typeof(${everyByte})::text as bytes,
              pg_typeof(${["a"]})::text as texts, pg_typeof(${[null, 1]})::text as ints`,
          [
            {
              int: "integer",
              big: "bigint",
              bigint: "bigint",
              float: "double precision",
              bool: "boolean",
              time: "timestamp with time zone",
              bytes: "bytea",
              texts: "text[]",
              ints: "integer[]"
            }
          ]
        )
        const reason = yield* reasonOf(sql`select 1 from things where id = any(${[id]})`)
        assert.strictEqual(sqlStateOf(reason), "42883")
      })
    )

    it.effect("an array that contains only nulls has no type, whatever the statement expects", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        for (const nulls of [[null], [null, null]]) {
          assert.isTrue(SqlError.isSqlError(yield* Effect.flip(sql`select ${nulls}::text[] as texts`)))
        }
        assert.deepStrictEqual(yield* sql`select ${[null, "a"]}::text[] as texts`, [{ texts: [null, "a"] }])
      })
    )

    it.effect("rows are in order, with the column names of the statement, or as arrays on request", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const statement = sql`select n, 'a' as "firstName" from generate_series(3, 1, -1) n`
        assert.deepStrictEqual(yield* statement, [
          { n: 3, firstName: "a" },
          { n: 2, firstName: "a" },
          { n: 1, firstName: "a" }
        ])
        assert.deepStrictEqual(yield* statement.values, [
          [3, "a"],
          [2, "a"],
          [1, "a"]
        ])
      })
    )

    it.effect("a statement without rows returns none", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`update things set amount = 1 where name = ${randomUUID()}`, [])
        assert.deepStrictEqual(yield* sql`select 1 where false`, [])
      })
    )

    it.effect("times are in UTC", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`select to_char(${epoch}, 'HH24:MI TZ') as text`, [{ text: "00:00 UTC" }])
      })
    )
  })
