import { assert, describe, it } from "@effect/vitest"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as Relay from "@user-service/database/testing/Relay"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Deferred, Duration, Effect, Exit, Fiber, Ref, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { databaseUrl } from "./engine.ts"
import { connections, oneProcess } from "./processes.ts"

type Process = Effect.Success<ReturnType<typeof oneProcess>>

const unavailable = Exit.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 }))

/** A PostgreSQL of its own with a table, and one process on it. */
const setUp = Effect.gen(function* () {
  const server = yield* PostgresServer.make()
  yield* server.start
  const process = yield* oneProcess(server.url)
  yield* process.sql`create table entries (name text not null)`
  return { server, process }
})

const insert = ({ sql }: Process, name: string) => sql`insert into entries values (${name})`

const entries = ({ sql }: Process) =>
  Effect.map(sql<{ name: string }>`select name from entries order by name`, (rows) => rows.map((row) => row.name))

/** One operation of each kind. */
const operations = (process: Process) => [
  process.storage.read(process.sql`select 1`),
  process.storage.write(process.sql`select 1`),
  process.storage.transaction(process.sql`select 1`),
  process.storage.ping
]

/** That the operation ends as it should when there is no database, after no more than so many seconds. */
const isUnavailableWithin = Effect.fnUntraced(function* (
  limit: number,
  operation: Effect.Effect<unknown, ServiceUnavailable>
) {
  const [elapsed, exit] = yield* Effect.timed(Effect.exit(operation))
  assert.deepStrictEqual(exit, unavailable)
  assert.isBelow(Duration.toSeconds(elapsed), limit)
})

const assertDown = (process: Process) =>
  Effect.forEach(operations(process), (operation) => isUnavailableWithin(2, operation))

/** That every operation succeeds by itself within five seconds, on every connection. */
const assertUp = Effect.fnUntraced(function* (process: Process) {
  for (const operation of [...operations(process), process.holdAll]) {
    yield* waitUntil(Effect.map(Effect.exit(operation), Exit.isSuccess))
  }
})

describe.skipIf(PostgresServer.skipReason !== "")(`an outage of PostgreSQL ${PostgresServer.skipReason}`, () => {
  it.live("a process that starts without PostgreSQL reports it as unavailable at once, and uses it once it is up", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      const process = yield* oneProcess(server.url)
      yield* assertDown(process)
      yield* server.start
      yield* assertUp(process)
    })
  )

  it.live.each(["kill", "stop"] as const)(
    "a %s of the server fails the operations in progress at once, and later ones succeed",
    (how) =>
      Effect.gen(function* () {
        const { process, server } = yield* setUp
        const { sql, storage } = process
        yield* insert(process, "committed")
        const inserted = yield* Deferred.make<void>()
        const down = yield* Deferred.make<void>()
        const hang = sql`select pg_sleep(20)`
        const inHand = [
          storage.read(hang),
          storage.write(hang),
          storage.lockingWrite(hang, () => Effect.void),
          storage.transaction(Effect.andThen(insert(process, "cut off"), hang)),
          storage.transaction(
            insert(process, "cut off").pipe(
              Effect.andThen(Deferred.succeed(inserted, undefined)),
              Effect.andThen(Deferred.await(down)),
              Effect.andThen(insert(process, "too late"))
            )
          )
        ]
        const fibers = yield* Effect.forEach(inHand, (operation) => Effect.forkScoped(operation))
        yield* Deferred.await(inserted)
        const another = yield* oneProcess(server.url)
        yield* waitUntil(
          Effect.map(
            another.sql`select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`,
            (rows) => rows.length >= 2
          )
        )
        yield* server[how]
        yield* Deferred.succeed(down, undefined)
        yield* Effect.forEach(fibers, (fiber) => isUnavailableWithin(2, Fiber.join(fiber)))
        yield* assertDown(process)
        yield* server.start
        yield* assertUp(process)
        assert.deepStrictEqual(yield* entries(process), ["committed"])
      })
  )

  it.live("after repeated crashes all acknowledged changes are complete, and every failure is ServiceUnavailable", () =>
    Effect.gen(function* () {
      const { process, server } = yield* setUp
      const { sql, storage } = process
      const acknowledged: Array<string> = []
      const failures = new Set<string>()
      const client = Effect.gen(function* () {
        const name = randomUUID()
        yield* storage.transaction(Effect.andThen(insert(process, name), insert(process, name)))
        acknowledged.push(name)
        yield* storage.read(sql`select count(*) from entries`)
      }).pipe(
        Effect.exit,
        Effect.tap((exit) => Effect.sync(() => void (Exit.isFailure(exit) && failures.add(String(exit))))),
        Effect.repeat(Schedule.spaced("5 millis"))
      )
      const load = yield* Effect.replicateEffect(client, 2 * connections, { concurrency: "unbounded" }).pipe(
        Effect.forkScoped
      )
      for (let round = 0; round < 4; round++) {
        const before = acknowledged.length
        yield* waitUntil(Effect.sync(() => acknowledged.length > before + 30))
        yield* server.kill
        yield* assertDown(process)
        yield* server.start
      }
      yield* assertUp(process)
      yield* Fiber.interrupt(load)
      const kept = Map.groupBy(yield* entries(process), (name) => name)
      assert.deepStrictEqual(new Set([...kept.values()].map((copies) => copies.length)), new Set([2]))
      assert.isTrue(acknowledged.every((name) => kept.has(name)))
      assert.deepStrictEqual(failures, new Set([String(unavailable)]))
    })
  )

  it.live("an operation fails at its deadline if the server stops answering at any point of it", () =>
    Effect.gen(function* () {
      const { process, server } = yield* setUp
      const { sql, storage } = process
      const inserted = yield* Ref.make(0)
      const frozen = yield* Deferred.make<void>()
      const half = insert(process, "half").pipe(
        Effect.andThen(Ref.update(inserted, (n) => n + 1)),
        Effect.andThen(Deferred.await(frozen))
      )
      const atStatement = yield* Effect.forkScoped(
        storage.transaction(Effect.andThen(half, insert(process, "other half")))
      )
      const atCommit = yield* Effect.forkScoped(storage.transaction(half))
      const unwanted = yield* Effect.forkScoped(storage.transaction(Effect.andThen(half, Effect.never)))
      yield* waitUntil(Effect.map(Ref.get(inserted), (n) => n === 3))
      yield* server.freeze
      yield* Deferred.succeed(frozen, undefined)
      yield* Effect.all(
        [
          isUnavailableWithin(2.5, storage.ping),
          isUnavailableWithin(4.5, storage.read(sql`select 1`)),
          isUnavailableWithin(4.5, storage.write(sql`select 1`)),
          isUnavailableWithin(
            7,
            storage.lockingWrite(sql`select 1`, () => Effect.void)
          ),
          // On the one idle connection, where it falls silent at BEGIN, and on none.
          isUnavailableWithin(7, storage.transaction(sql`select 1`)),
          isUnavailableWithin(7, storage.transaction(sql`select 1`)),
          isUnavailableWithin(7, Fiber.join(atStatement)),
          isUnavailableWithin(7, Fiber.join(atCommit)),
          isUnavailableWithin(7, Effect.andThen(Fiber.interrupt(unwanted), unavailable))
        ],
        { concurrency: "unbounded" }
      )
      yield* server.thaw
      yield* assertUp(process)
      assert.notInclude(yield* entries(process), "other half")
    })
  )
})

describe.skipIf(databaseUrl === "")("a connection to PostgreSQL without answers", () => {
  it.live(
    "is replaced, like all others of the pool, when an answer is overdue for longer than any statement may take",
    () =>
      Effect.gen(function* () {
        const relay = yield* Relay.make(yield* TestDatabase.freshDatabase(databaseUrl))
        const process = yield* oneProcess(relay.url)
        yield* process.holdAll
        yield* relay.silence
        const isUp = Effect.map(Effect.exit(process.storage.ping), Exit.isSuccess)
        assert.isFalse(yield* isUp)
        // Of those that hold all connections each finds its own silent once more at most.
        const [elapsed] = yield* Effect.timed(
          Effect.repeat(Effect.exit(process.holdAll), { until: Exit.isSuccess, times: 10 })
        )
        assert.isTrue(yield* isUp)
        assert.isBelow(Duration.toSeconds(elapsed), 20)
        yield* assertUp(process)
      })
  )
})

describe.skipIf(databaseUrl === "")("a transaction that loses its connection", () => {
  it.live("still serves a transaction that began to wait for a connection just before", () =>
    Effect.gen(function* () {
      const relay = yield* Relay.make(yield* TestDatabase.freshDatabase(databaseUrl))
      const process = yield* oneProcess(relay.url)
      const { sql, storage } = process
      const begun = yield* Deferred.make<void>()
      const lost = yield* Deferred.make<void>()
      const ending = yield* Deferred.make<void>()
      const transaction = sql`select 1`.pipe(
        Effect.andThen(Deferred.succeed(begun, undefined)),
        Effect.andThen(Effect.exit(sql`select pg_sleep(2)`)),
        Effect.andThen(Deferred.succeed(lost, undefined)),
        Effect.andThen(Deferred.await(ending)),
        storage.transaction
      )
      const losing = yield* Effect.forkChild(transaction)
      yield* Deferred.await(begun)
      yield* relay.cut
      yield* Deferred.await(lost)
      // A connection is to take its place, and fails with nobody waiting for it. One of the other pool fails after it.
      assert.isTrue(Exit.isFailure(yield* Effect.exit(process.direct`select 1`)))
      // Given up at different times, so that there is always one who waits, and the others behind it.
      for (const waiting of [storage.read(sql`select 1`), storage.transaction(sql`select 1`)]) {
        yield* Effect.forkChild(Effect.forever(Effect.exit(waiting)), { startImmediately: true })
      }
      // In the same turn of the event loop: a connection for them is asked for, and not yet begun.
      yield* Deferred.succeed(ending, undefined)
      assert.deepStrictEqual(yield* Fiber.await(losing), unavailable)
      yield* relay.mend
      yield* assertUp(process)
    })
  )
})
