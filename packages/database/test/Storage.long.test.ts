import { assert, describe, it } from "@effect/vitest"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { raise } from "@user-service/database/testing/Raise"
import { suite } from "@user-service/database/testing/StorageSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Deferred, Duration, Effect, Exit, Fiber, Latch, Ref } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"
import { connections, oneProcess } from "./processes.ts"

const unavailable = Exit.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 }))

/** Two processes on a database of their own, which has a table of two counters. */
const setUp = Effect.gen(function* () {
  const url = yield* TestDatabase.freshDatabase(databaseUrl)
  const [one, another] = [yield* oneProcess(url), yield* oneProcess(url)]
  yield* one.sql`create table counters (name text primary key, count integer not null)`
  yield* one.sql`insert into counters values ('a', 0), ('b', 0)`
  const raiseCount = (name: string) => one.sql`update counters set count = count + 1 where name = ${name}`
  const counts = Effect.map(one.sql`select count from counters order by name`.values, (rows) => rows.flat())
  return { ...one, another, counts, raiseCount }
})

/** Holds the counter's row for a process until the effect inside is run: who wants to change it waits. */
const holdRow = Effect.fnUntraced(function* ({ sql }: Effect.Success<ReturnType<typeof oneProcess>>, name: string) {
  const [held, done] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  yield* sql`select 1 from counters where name = ${name} for update`.pipe(
    Effect.andThen(Deferred.succeed(held, undefined)),
    Effect.andThen(Deferred.await(done)),
    sql.withTransaction,
    Effect.forkScoped
  )
  yield* Deferred.await(held)
  return Deferred.succeed(done, undefined)
})

/** Lets two go on once both are there. A third one, and any after it, is let through. */
const meeting = Effect.gen(function* () {
  const both = yield* Latch.make()
  const arrivals = yield* Ref.make(0)
  const meet = Effect.flatMap(
    Ref.updateAndGet(arrivals, (n) => n + 1),
    (n) => (n === 2 ? Effect.asVoid(both.open) : both.await)
  )
  return { meet, arrivals: Ref.get(arrivals) }
})

/** The exit, and how many seconds it took. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(Effect.exit(effect)), ([elapsed, exit]) => ({ exit, seconds: Duration.toSeconds(elapsed) }))

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  suite("Storage over PostgreSQL", TestDatabase.layerPostgres(databaseUrl))

  it.live("the probe fails on a server without the schema and succeeds on one with it", () =>
    Effect.gen(function* () {
      const { migrate, storage } = yield* oneProcess(yield* TestDatabase.freshDatabase(databaseUrl))
      yield* storage.ping
      assert.deepStrictEqual(yield* Effect.exit(storage.probe), unavailable)
      yield* migrate
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(storage.probe)))
    })
  )

  it.live("ping and probe fail with ServiceUnavailable if the server refuses the login", () =>
    Effect.gen(function* () {
      const url = new URL(yield* TestDatabase.freshDatabase(databaseUrl))
      url.pathname = "/no_such_database"
      const { storage } = yield* oneProcess(url.href)
      for (const check of [storage.ping, storage.probe]) {
        assert.deepStrictEqual(yield* Effect.exit(check), unavailable)
      }
    })
  )

  it.live.each([
    {
      state: "accepts no connections (55000)",
      close: () => [],
      open: (name: string) => [`alter database ${name} allow_connections true`]
    },
    {
      state: "has another name (3D000)",
      close: (name: string) => [
        `alter database ${name} rename to ${name}_old`,
        `alter database ${name}_old allow_connections true`
      ],
      open: (name: string) => [`alter database ${name}_old rename to ${name}`]
    }
  ])(
    "while its database $state, every operation fails with ServiceUnavailable, and later ones succeed",
    (maintenance) =>
      Effect.gen(function* () {
        const url = yield* TestDatabase.freshDatabase(databaseUrl)
        const name = new URL(url).pathname.slice(1)
        const operator = yield* oneProcess(databaseUrl)
        const { sql, storage } = yield* oneProcess(url)
        const select = sql`select 1 as one`
        const operations = [
          storage.read(select),
          storage.write(select),
          storage.lockingWrite(select, () => Effect.void),
          storage.transaction(select)
        ]
        for (const operation of operations) assert.deepStrictEqual(yield* operation, [{ one: 1 }])
        const execute = (statements: ReadonlyArray<string>) =>
          Effect.forEach(statements, (statement) => operator.sql.unsafe(statement), { discard: true })
        yield* execute([`alter database ${name} allow_connections false`])
        // Its own session is the last.
        yield* Effect.flip(sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() order by pid = pg_backend_pid()`)
        yield* execute(maintenance.close(name))
        for (const operation of operations) assert.deepStrictEqual(yield* Effect.exit(operation), unavailable)
        yield* execute(maintenance.open(name))
        for (const operation of operations) assert.deepStrictEqual(yield* operation, [{ one: 1 }])
      })
  )

  describe("a connection that is terminated", () => {
    it.live("fails a read, which is retried on another connection and succeeds", () =>
      Effect.gen(function* () {
        const { sql, storage } = yield* setUp
        const backends = yield* Ref.make<ReadonlyArray<unknown>>([])
        const read = Effect.gen(function* () {
          const before = yield* Ref.get(backends)
          const [row] = yield* sql`select pg_backend_pid() as pid`
          yield* Ref.set(backends, [...before, row?.["pid"]])
          return before.length === 0 ? yield* sql`select pg_terminate_backend(pg_backend_pid())` : "done"
        })
        assert.strictEqual(yield* storage.read(read), "done")
        assert.strictEqual(new Set(yield* Ref.get(backends)).size, 2)
      })
    )

    it.live("fails a write and a transaction without a retry, and neither has been executed", () =>
      Effect.gen(function* () {
        const { counts, holdAll, raiseCount, sql, storage } = yield* setUp
        const runs = yield* Ref.make(0)
        const cutOff = Ref.update(runs, (n) => n + 1).pipe(
          Effect.andThen(raiseCount("a")),
          Effect.andThen(sql`select pg_terminate_backend(pg_backend_pid())`)
        )
        assert.deepStrictEqual(yield* Effect.exit(storage.transaction(cutOff)), unavailable)
        assert.strictEqual(yield* Ref.get(runs), 1)
        const write = Effect.andThen(
          Ref.update(runs, (n) => n + 1),
          sql`
            with raised as (update counters set count = count + 1 returning name)
            select pg_terminate_backend(pg_backend_pid()) from raised`
        )
        assert.deepStrictEqual(yield* Effect.exit(storage.write(write)), unavailable)
        assert.strictEqual(yield* Ref.get(runs), 2)
        assert.deepStrictEqual(yield* counts, [0, 0])
        yield* holdAll
      })
    )

    it.live("while it is idle fails no read", () =>
      Effect.gen(function* () {
        const { another, holdAll, sql, storage } = yield* setUp
        yield* holdAll
        yield* another.sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`
        const reads = storage.read(sql`select 1 as one`)
        const answers = yield* Effect.replicateEffect(reads, 50, { concurrency: "unbounded" })
        assert.strictEqual(answers.flat().length, 50)
        yield* holdAll
      })
    )
  })

  describe("conflicting transactions", () => {
    it.live("of two that deadlock, one is retried and both succeed", () =>
      Effect.gen(function* () {
        const { counts, raiseCount, storage } = yield* setUp
        const { arrivals, meet } = yield* meeting
        const both = (first: string, second: string) =>
          storage.transaction(raiseCount(first).pipe(Effect.andThen(meet), Effect.andThen(raiseCount(second))))
        yield* Effect.all([both("a", "b"), both("b", "a")], { concurrency: 2 })
        assert.deepStrictEqual(yield* counts, [2, 2])
        assert.strictEqual(yield* arrivals, 3)
      })
    )

    it.live("of two serializable ones that read what the other changes, one is retried and no change is lost", () =>
      Effect.gen(function* () {
        const { counts, sql, storage } = yield* setUp
        const { arrivals, meet } = yield* meeting
        const raiseRead = Effect.gen(function* () {
          const [row] = yield* sql<{ count: number }>`select count from counters where name = 'a'`
          yield* meet
          yield* sql`update counters set count = ${(row?.count ?? 0) + 1} where name = 'a'`
        })
        const serializable = storage
          .transaction(raiseRead)
          .pipe(Effect.provideService(SqlClient.BeginTransaction, "BEGIN ISOLATION LEVEL SERIALIZABLE"))
        yield* Effect.all([serializable, serializable], { concurrency: 2 })
        assert.deepStrictEqual(yield* counts, [2, 0])
        assert.strictEqual(yield* arrivals, 3)
      })
    )
  })

  describe("deadlines", () => {
    it.live("no operation takes longer than its deadline, and a hanging statement does not keep running", () =>
      Effect.gen(function* () {
        const { another, counts, sql, storage } = yield* setUp
        const hang = sql`select pg_sleep(20)`
        // On connections of their own: one that is shared is not theirs before the statements on it are done.
        const [read, write, apart, statement, transaction, rolledBack] = yield* Effect.all(
          [
            timed(storage.read(hang)),
            timed(storage.write(hang)),
            timed(storage.lockingWrite(hang, () => Effect.void)),
            timed(another.storage.transaction(another.sql`update counters set count = 1 from pg_sleep(20)`)),
            timed(another.storage.transaction(Effect.forever(another.sql`select pg_sleep(1)`))),
            timed(another.storage.transaction(Effect.provideService(raise("40P01"), SqlClient.SqlClient, another.sql)))
          ],
          { concurrency: "unbounded" }
        )
        for (const [{ exit, seconds }, atLeast, atMost] of [
          // Less than the two statements of 2.5 s that it would take.
          [read, 2.9, 4.5],
          [write, 2.4, 4.5],
          [apart, 2.4, 4.5],
          [statement, 2.4, 4.5],
          [transaction, 4.9, 7],
          [rolledBack, 4.9, 7]
        ] as const) {
          assert.deepStrictEqual(exit, unavailable)
          assert.isAbove(seconds, atLeast)
          assert.isBelow(seconds, atMost)
        }
        yield* waitUntil(
          Effect.map(
            sql`
              select 1 from pg_stat_activity
              where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
            (rows) => rows.length === 0
          )
        )
        assert.deepStrictEqual(yield* counts, [0, 0])
      })
    )

    it.live(
      "a change that waits for a row lock fails before its deadline, and a change of another row does not wait",
      () =>
        Effect.gen(function* () {
          const { another, counts, raiseCount, sql, storage } = yield* setUp
          const letGo = yield* holdRow(another, "a")
          const waiting = yield* Effect.forkScoped(timed(storage.transaction(raiseCount("a"))))
          yield* storage.transaction(raiseCount("b"))
          const { exit, seconds } = yield* Fiber.join(waiting)
          assert.deepStrictEqual(exit, unavailable)
          assert.isBelow(seconds, 4.5)
          yield* letGo
          yield* waitUntil(Effect.as(sql`select 1`, true))
          assert.deepStrictEqual(yield* counts, [0, 1])
        })
    )

    it.live("statements that wait for a row lock delay no read", () =>
      Effect.gen(function* () {
        const { another, counts, raiseCount, sql, storage } = yield* setUp
        const letGo = yield* holdRow(another, "a")
        const waiting = yield* Effect.replicateEffect(
          Effect.forkScoped(storage.lockingWrite(raiseCount("a"), () => Effect.void)),
          connections
        )
        yield* waitUntil(
          Effect.map(
            another.sql`
              select 1 from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock' and query like 'update counters%'`,
            (rows) => rows.length === connections
          )
        )
        const reads = yield* timed(Effect.replicateEffect(storage.read(sql`select 1`), 20))
        assert.isTrue(Exit.isSuccess(reads.exit))
        assert.isBelow(reads.seconds, 1)
        yield* letGo
        yield* Effect.forEach(waiting, (fiber) => Fiber.join(fiber))
        assert.deepStrictEqual(yield* counts, [connections, 0])
      })
    )

    it.live(
      "an operation that waits for a connection fails at its deadline, and succeeds once a connection is free",
      () =>
        Effect.gen(function* () {
          const { another, holdAll, sql, storage } = yield* setUp
          const release = yield* Latch.make()
          const holders = yield* Effect.replicateEffect(
            Effect.forkScoped(Effect.andThen(sql`select 1`, release.await).pipe(sql.withTransaction)),
            connections
          )
          yield* waitUntil(
            Effect.map(
              another.sql`
              select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
              (rows) => rows.length === connections
            )
          )
          // Reads have connections that no transaction takes.
          yield* storage.read(sql`select 1`)
          const transaction = yield* timed(storage.transaction(sql`select 1`))
          assert.deepStrictEqual(transaction.exit, unavailable)
          assert.isBelow(transaction.seconds, 7)
          yield* release.open
          yield* Effect.forEach(holders, (holder) => Fiber.join(holder))
          yield* storage.read(sql`select 1`)
          yield* holdAll
        })
    )
  })
})
