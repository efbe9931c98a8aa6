import { assert, describe, it } from "@effect/vitest"
import { Array, Cause, Deferred, Effect, Exit, Fiber, Latch, Layer, Option, Predicate, Stream } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { raise } from "./Raise.ts"

/** A type, what is sent as one, and what comes back. */
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

/** SQLSTATE, the reason it is told as, and whether the same statement may succeed when sent again. */
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

const createTable = Layer.effectDiscard(
  SqlClient.SqlClient.use(
    (sql) => sql`
      create table things (
        id uuid primary key,
        name text not null constraint things_name_key unique,
        amount integer not null default 0 check (amount >= 0),
        parent_id uuid references things (id)
      )`
  )
)

const freshNames = (count: number) => Array.makeBy(count, () => randomUUID())

const insert = (name: string) =>
  SqlClient.SqlClient.use((sql) => sql`insert into things ${sql.insert({ id: randomUUID(), name })}`)

const exists = (name: string) =>
  Effect.map(
    SqlClient.SqlClient.use((sql) => sql`select 1 from things where name = ${name}`),
    (rows) => rows.length === 1
  )

const transaction = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  SqlClient.SqlClient.use((sql) => sql.withTransaction(effect))

const reasonOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    SqlError.isSqlError(error) ? Effect.succeed(error.reason) : Effect.die(error)
  )

const sqlStateOf = ({ cause }: SqlError.SqlErrorReason) =>
  Predicate.hasProperty(cause, "code") ? String(cause.code) : ""

/** Holds all the connections in transactions until the latch opens. */
const occupy = Effect.fnUntraced(function* (connections: number, until: Latch.Latch) {
  const holding = yield* Effect.replicateEffect(Deferred.make<void>(), connections)
  const fibers = yield* Effect.forEach(holding, (held) =>
    Effect.forkChild(
      transaction(
        SqlClient.SqlClient.use((sql) => sql`select 1`).pipe(
          Effect.andThen(Deferred.succeed(held, undefined)),
          Effect.andThen(until.await)
        )
      )
    )
  )
  yield* Effect.forEach(holding, (held) => Deferred.await(held))
  return fibers
})

/** That all of them can be held at the same time, so that none was lost. */
const allAreFree = Effect.fnUntraced(function* (connections: number) {
  const until = yield* Latch.make()
  const fibers = yield* occupy(connections, until)
  yield* until.open
  yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
})

/** What every `SqlClient` promises; `connections` is how many transactions it can hold at once. */
export const suite = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>, connections: number) =>
  describe(name, () => {
    it.layer(Layer.provideMerge(createTable, layer), { excludeTestServices: true })((it) => {
      describe("values", () => {
        it.effect("what is sent as a parameter comes back in a column, as the same kind of value", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            for (const [type, sent, received] of values) {
              const rows = yield* sql`select ${sent}::${sql.literal(type)} as value`
              assert.deepStrictEqual(rows, [{ value: received }], type)
            }
          })
        )

        it.effect("a parameter has the type of its value, which the statement must fit", () =>
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

        it.effect("an array of nulls alone has no type, whatever the statement would take it for", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            for (const nulls of [[null], [null, null]]) {
              assert.isTrue(SqlError.isSqlError(yield* Effect.flip(sql`select ${nulls}::text[] as texts`)))
            }
            assert.deepStrictEqual(yield* sql`select ${[null, "a"]}::text[] as texts`, [{ texts: [null, "a"] }])
          })
        )

        it.effect("rows come in their order under the names the statement gives, and as arrays where asked", () =>
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

        it.effect("a statement without rows answers none", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            assert.deepStrictEqual(yield* sql`update things set amount = 1 where name = ${randomUUID()}`, [])
            assert.deepStrictEqual(yield* sql`select 1 where false`, [])
          })
        )

        it.effect("times are those of UTC", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            assert.deepStrictEqual(yield* sql`select to_char(${epoch}, 'HH24:MI TZ') as text`, [{ text: "00:00 UTC" }])
          })
        )
      })

      describe("failures", () => {
        it.effect("each SQLSTATE is told as its reason, which knows whether it may pass", () =>
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

        it.effect("other constraints are told as such, without the name of one that is unique", () =>
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

        it.effect("a statement that makes no sense is a syntax error, a value that does not fit is not", () =>
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

        it.effect("a failed statement harms none of those beside it or after it", () =>
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

      describe("transactions", () => {
        it.effect("what succeeds is committed, and its result answered", () =>
          Effect.gen(function* () {
            const name = randomUUID()
            assert.strictEqual(yield* transaction(Effect.as(insert(name), "done")), "done")
            assert.isTrue(yield* exists(name))
          })
        )

        it.effect("a failure rolls back, and is the one that comes out", () =>
          Effect.gen(function* () {
            const name = randomUUID()
            assert.strictEqual(yield* Effect.flip(transaction(Effect.andThen(insert(name), Effect.fail("no")))), "no")
            assert.isFalse(yield* exists(name))
          })
        )

        it.effect("a defect rolls back, and is the one that comes out", () =>
          Effect.gen(function* () {
            const name = randomUUID()
            const exit = yield* Effect.exit(transaction(Effect.andThen(insert(name), Effect.die("broken"))))
            assert.deepStrictEqual(exit, Exit.die("broken"))
            assert.isFalse(yield* exists(name))
          })
        )

        it.effect("an interruption rolls back", () =>
          Effect.gen(function* () {
            const name = randomUUID()
            const inserted = yield* Deferred.make<void>()
            const fiber = yield* insert(name).pipe(
              Effect.andThen(Deferred.succeed(inserted, undefined)),
              Effect.andThen(Effect.never),
              transaction,
              Effect.forkChild
            )
            yield* Deferred.await(inserted)
            yield* Fiber.interrupt(fiber)
            assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
            assert.isFalse(yield* exists(name))
          })
        )

        it.effect(
          "one that is interrupted in the middle of a statement rolls back, and gives its connection back",
          () =>
            Effect.gen(function* () {
              const sql = yield* SqlClient.SqlClient
              for (let round = 0; round < 2 * connections; round++) {
                const name = randomUUID()
                const inserted = yield* Deferred.make<void>()
                const fiber = yield* insert(name).pipe(
                  Effect.andThen(Deferred.succeed(inserted, undefined)),
                  Effect.andThen(Effect.forever(sql`select count(*) from generate_series(1, 1000)`)),
                  transaction,
                  Effect.forkChild
                )
                yield* Deferred.await(inserted)
                yield* Fiber.interrupt(fiber)
                assert.isFalse(yield* exists(name))
              }
              yield* allAreFree(connections)
            })
        )

        it.effect("after a failed statement nothing is done, and the commit says so", () =>
          Effect.gen(function* () {
            const name = randomUUID()
            const exit = yield* insert(name).pipe(
              Effect.andThen(Effect.ignore(raise("23505"))),
              transaction,
              Effect.exit
            )
            assert(Exit.isFailure(exit))
            assert.isTrue(Option.exists(Cause.findErrorOption(exit.cause), SqlError.isSqlError))
            const refused = yield* raise("23505").pipe(
              Effect.ignore,
              Effect.andThen(reasonOf(insert(name))),
              Effect.map(sqlStateOf),
              Effect.tap((sqlState) => Effect.fail(sqlState)),
              transaction,
              Effect.flip
            )
            assert.strictEqual(refused, "25P02")
            assert.isFalse(yield* exists(name))
            yield* allAreFree(connections)
          })
        )

        it.effect("one within another that fails rolls back alone", () =>
          Effect.gen(function* () {
            const [before, inside, after] = [randomUUID(), randomUUID(), randomUUID()]
            yield* Effect.gen(function* () {
              yield* insert(before)
              yield* Effect.flip(transaction(Effect.andThen(insert(inside), Effect.fail("no"))))
              assert.isFalse(yield* exists(inside))
              yield* Effect.flip(transaction(insert(before)))
              yield* insert(after)
            }).pipe(transaction)
            assert.deepStrictEqual(yield* Effect.forEach([before, inside, after], exists), [true, false, true])
          })
        )

        it.effect("one within another that succeeds goes with the outer one", () =>
          Effect.gen(function* () {
            const [kept, lost] = [randomUUID(), randomUUID()]
            yield* transaction(transaction(transaction(insert(kept))))
            yield* Effect.flip(transaction(Effect.andThen(transaction(insert(lost)), Effect.fail("no"))))
            assert.deepStrictEqual(yield* Effect.forEach([kept, lost], exists), [true, false])
          })
        )

        it.effect("a statement of another fiber never slips into an open transaction nor sees its rows", () =>
          Effect.gen(function* () {
            const uncommitted = randomUUID()
            const others = freshNames(50)
            const open = yield* Deferred.make<void>()
            const inside = yield* insert(uncommitted).pipe(
              Effect.andThen(Deferred.succeed(open, undefined)),
              Effect.andThen(Effect.replicateEffect(exists(uncommitted), 50)),
              Effect.tap((seen) => Effect.sync(() => assert.isTrue(seen.every(Boolean)))),
              Effect.andThen(Effect.fail("no")),
              transaction,
              Effect.flip,
              Effect.forkChild
            )
            yield* Deferred.await(open)
            const seen = yield* Effect.forEach(others, (name) => Effect.andThen(insert(name), exists(uncommitted)), {
              concurrency: "unbounded"
            })
            assert.strictEqual(yield* Fiber.join(inside), "no")
            assert.isFalse(seen.some(Boolean))
            assert.isTrue((yield* Effect.forEach(others, exists)).every(Boolean))
          })
        )

        it.effect("statements side by side within one are all of it", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const names = freshNames(20)
            const inside = Effect.forEach(
              names,
              (name) => Effect.andThen(insert(name), sql`select pg_current_xact_id()::text as id`),
              { concurrency: "unbounded" }
            )
            const ids = yield* inside.pipe(
              Effect.map((answers) => new Set(answers.flat().map((row) => row["id"]))),
              Effect.tap((ids) => Effect.fail(ids)),
              transaction,
              Effect.flip
            )
            assert(ids instanceof Set)
            assert.strictEqual(ids.size, 1)
            assert.isFalse((yield* Effect.forEach(names, exists)).some(Boolean))
          })
        )

        it.effect(
          "rows are locked in the order asked for, so that those who lock the same never lose one another's change",
          () =>
            Effect.gen(function* () {
              const sql = yield* SqlClient.SqlClient
              const ids = freshNames(5)
              yield* sql`insert into things ${sql.insert(Array.map(ids, (id) => ({ id, name: id })))}`
              const raiseAll = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
                const locked = yield* sql<{ id: string; amount: number }>`
                select id, amount from things where id = any(${ids}::uuid[]) order by id for no key update`
                assert.deepStrictEqual(
                  locked.map((row) => row.id),
                  ids.toSorted()
                )
                for (const { amount, id } of locked) {
                  yield* sql`update things set amount = ${amount + 1} where id = ${id}`
                }
              })
              yield* Effect.forEach(
                Array.makeBy(20, (n) => (n % 2 === 0 ? ids : ids.toReversed())),
                (ids) => transaction(raiseAll(ids)),
                { concurrency: "unbounded" }
              )
              const amounts = yield* sql`select amount from things where id = any(${ids}::uuid[])`
              assert.deepStrictEqual(
                amounts,
                ids.map(() => ({ amount: 20 }))
              )
            })
        )
      })

      describe("turns", () => {
        it.effect("one that is interrupted while it waits for a connection is never run, and leaves none taken", () =>
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
            yield* allAreFree(connections)
          })
        )

        it.effect("hundreds of statements and transactions at once all get theirs", () =>
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
        it.effect("all rows come, in their order", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const rows = yield* Stream.runCollect(sql`select n from generate_series(1, 5000) n`.stream)
            assert.deepStrictEqual(
              rows,
              Array.makeBy(5000, (n) => ({ n: n + 1 }))
            )
          })
        )

        it.effect("one that fails half way through says so", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const stream = sql`select 1 / (1000 - n) from generate_series(1, 5000) n`.stream
            assert.strictEqual(sqlStateOf(yield* reasonOf(Stream.runDrain(stream))), "22012")
          })
        )

        it.effect("one that is left early gives its connection back", () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            for (let round = 0; round < 2 * connections; round++) {
              const rows = yield* Stream.runCollect(
                Stream.take(sql`select n from generate_series(1, 5000) n`.stream, 2)
              )
              assert.deepStrictEqual(rows, [{ n: 1 }, { n: 2 }])
            }
            yield* allAreFree(connections)
          })
        )

        it.effect("within a transaction it sees what that has written", () =>
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
