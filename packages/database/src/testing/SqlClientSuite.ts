import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, Exit, Fiber, Latch, Layer, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { raise } from "./Raise.ts"
import { suite as sqlTransactions } from "./SqlTransactionsSuite.ts"
import { suite as sqlValues } from "./SqlValuesSuite.ts"
import {
  createTable,
  freshNames,
  insert,
  exists,
  transaction,
  reasonOf,
  sqlStateOf,
  occupy,
  requireAllFree
} from "./Things.ts"

/** SQLSTATE, its reason, and whether the statement may succeed when it is retried. */
const reasons: ReadonlyArray<readonly [sqlState: string, reason: string, isRetryable: boolean]> = [
  ["08006", "ConnectionError", true],
  ["22P02", "UnknownError", false],
  ["23502", "ConstraintError", false],
  ["23503", "ConstraintError", false],
  ["23505", "UniqueViolation", false],
  ["23514", "ConstraintError", false],
  ["28000", "AuthenticationError", false],
  ["40001", "SerializationError", true],
  ["40P01", "DeadlockError", true],
  ["42501", "AuthorizationError", false],
  ["42601", "SqlSyntaxError", false],
  ["53300", "UnknownError", false],
  ["55P03", "LockTimeoutError", true],
  ["57014", "StatementTimeoutError", true],
  ["57P01", "UnknownError", false]
]

/** The contract of a `SqlClient` that supports `connections` concurrent transactions. */
export const suite = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>, connections: number) =>
  describe(name, () => {
    it.layer(Layer.provideMerge(createTable, layer), { excludeTestServices: true })((it) => {
      sqlValues(it)
      sqlTransactions(it, connections)

      describe("failures", () => {
        it.effect("each SQLSTATE is mapped to its reason, retryable or not", () =>
          Effect.gen(function* () {
            for (const [sqlState, tag, isRetryable] of reasons) {
              const reason = yield* reasonOf(raise(sqlState))
              assert.strictEqual(reason._tag, tag, sqlState)
              assert.strictEqual(reason.isRetryable, isRetryable, sqlState)
              assert.strictEqual(sqlStateOf(reason), sqlState)
            }
          })
        )

        it.effect("a unique violation has the name of its constraint", () =>
          Effect.gen(function* () {
            const name = randomUUID()
            yield* insert(name)
            const reason = yield* reasonOf(insert(name))
            assert(reason._tag === "UniqueViolation")
            assert.strictEqual(reason.constraint, "things_name_key")
          })
        )

        it.effect("violations of other constraints are constraint errors without a constraint name", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const violation = (columns: object) =>
              reasonOf(sql`insert into things ${sql.insert({ id: randomUUID(), name: randomUUID(), ...columns })}`)
            const violations = [
              yield* violation({ amount: -1 }),
              yield* violation({ name: null }),
              yield* violation({ parent_id: randomUUID() })
            ]
            assert.deepStrictEqual(
              violations.map((reason) => reason._tag),
              ["ConstraintError", "ConstraintError", "ConstraintError"]
            )
            assert.deepStrictEqual(violations.map(sqlStateOf), ["23514", "23502", "23503"])
          })
        )

        it.effect("an invalid statement is a syntax error, an invalid value is not", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const tagOf = <A>(statement: Effect.Effect<A, SqlError.SqlError>) =>
              Effect.map(reasonOf(statement), (reason) => reason._tag)
            assert.strictEqual(yield* tagOf(sql`selekt 1`), "SqlSyntaxError")
            assert.strictEqual(yield* tagOf(sql`select 1 from nowhere`), "SqlSyntaxError")
            assert.strictEqual(yield* tagOf(sql`select nothing from things`), "SqlSyntaxError")
            assert.strictEqual(yield* tagOf(sql`select ${"one"}::integer`), "UnknownError")
            assert.strictEqual(yield* tagOf(sql`select ${2 ** 40}::integer`), "UnknownError")
            assert.strictEqual(yield* tagOf(sql`select ${"a\0b"}::text`), "UnknownError")
            assert.strictEqual(yield* tagOf(sql`select 1 / ${0}`), "UnknownError")
          })
        )

        it.effect("a failed statement does not affect concurrent or later statements", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const exits = yield* Effect.all(
              Array.makeBy(100, (n) => Effect.exit(sql`select 1 / ${n % 2} as one`)),
              { concurrency: "unbounded" }
            )
            assert.strictEqual(exits.filter(Exit.isSuccess).length, 50)
            assert.deepStrictEqual(yield* sql`select 1 as one`, [{ one: 1 }])
          })
        )
      })

      describe("turns", () => {
        it.effect(
          "a statement that is interrupted while it waits for a connection never runs and leaks no connection",
          () =>
            Effect.gen(function* () {
              const [plain, within] = [randomUUID(), randomUUID()]
              const until = yield* Latch.make()
              const fibers = yield* occupy(connections, until)
              const start = { startImmediately: true }
              const statement = yield* Effect.forkChild(insert(plain), start)
              const whole = yield* Effect.forkChild(transaction(insert(within)), start)
              const next = yield* Effect.forkChild(insert(randomUUID()), start)
              yield* Fiber.interruptAll([statement, whole])
              yield* until.open
              yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
              yield* Fiber.join(next)
              assert.deepStrictEqual(yield* Effect.forEach([plain, within], exists), [false, false])
              yield* requireAllFree(connections)
            })
        )

        it.effect("hundreds of concurrent statements and transactions get their own results", () =>
          Effect.gen(function* () {
            const names = freshNames(300)
            yield* Effect.forEach(names, (name, n) => (n % 3 === 0 ? transaction(insert(name)) : insert(name)), {
              concurrency: "unbounded"
            })
            assert.isTrue((yield* Effect.forEach(names, exists, { concurrency: "unbounded" })).every(Boolean))
          })
        )
      })

      describe("streams", () => {
        it.effect("a stream returns all rows in order", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const rows = yield* Stream.runCollect(sql`select n from generate_series(1, 5000) n`.stream)
            assert.deepStrictEqual(
              rows,
              Array.makeBy(5000, (n) => ({ n: n + 1 }))
            )
          })
        )

        it.effect("a stream that fails half-way reports the failure", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const stream = sql`select 1 / (1000 - n) from generate_series(1, 5000) n`.stream
            assert.strictEqual(sqlStateOf(yield* reasonOf(Stream.runDrain(stream))), "22012")
          })
        )

        it.effect("a stream that ends early releases its connection", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            for (let round = 0; round < 2 * connections; round++) {
              const rows = yield* Stream.runCollect(
                Stream.take(sql`select n from generate_series(1, 5000) n`.stream, 2)
              )
              assert.deepStrictEqual(rows, [{ n: 1 }, { n: 2 }])
            }
            yield* requireAllFree(connections)
          })
        )

        it.effect("a stream within a transaction sees its writes", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const name = randomUUID()
            const rows = yield* insert(name).pipe(
              Effect.andThen(Stream.runCollect(sql`select name from things where name = ${name}`.stream)),
              transaction
            )
            assert.deepStrictEqual(rows, [{ name }])
          })
        )
      })
    })
  })
