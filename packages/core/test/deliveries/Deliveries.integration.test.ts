import { assert, describe, it } from "@effect/vitest"
import { Quotas } from "@user-service/cache/Quotas"
import * as Redis from "@user-service/cache/Redis"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { Deliveries } from "@user-service/core/deliveries/Deliveries"
import { DeliveriesRepo } from "@user-service/core/deliveries/DeliveriesRepo"
import type { DeliveryRecord } from "@user-service/domain/deliveries/DeliveryPlan"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { DeliveryId, type StatusReport } from "@user-service/domain/Delivery"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { spawnSync } from "node:child_process"
import { inject } from "vitest"
import * as DeliveriesSuite from "./DeliveriesSuite.ts"
import * as ExplanationsSuite from "./ExplanationsSuite.ts"
import * as StatusesSuite from "./StatusesSuite.ts"
import { chargesOf, freshId, layerOver, mail, people, registerDevice, somebody, wordOf } from "./TestDeliveries.ts"

const databaseUrl = inject("databaseUrl")
const redisUrl = inject("redisUrl")

// Nothing listens there.
const nowhere = "redis://127.0.0.1:1"

const quotasOn = (url: string, prefix = "test:") =>
  Quotas.layerRedis.pipe(Layer.provide(Redis.layer({ url: Redacted.make(url), prefix })))

const repeat = <A>(count: number, make: (index: number) => A) =>
  Array.from({ length: count }, (_, index) => make(index))

/** A database that processes share, and one of them on whichever Redis, with connections of its own. */
const sharedDatabase = Effect.gen(function* () {
  const url = yield* TestDatabase.freshDatabase(databaseUrl)
  const database = Postgres.layer(TestDatabase.settingsOf(url, 10))
  const sql = Context.get(yield* Layer.build(Layer.fresh(database)), SqlClient.SqlClient)
  yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, sql)
  const process = (quotas: Layer.Layer<Quotas>) =>
    Effect.map(Layer.build(Layer.fresh(layerOver(database, quotas))), (context) => ({
      deliveries: Context.get(context, Deliveries),
      repo: Context.get(context, DeliveriesRepo),
      sql: Context.get(context, SqlClient.SqlClient),
      statuses: Context.get(context, DeliveryStatuses)
    }))
  const onDatabase = Effect.provideService(SqlClient.SqlClient, sql)
  return { process, onDatabase, sql }
})

type Process = { readonly deliveries: Deliveries["Service"] }

/** As many calls at once, shared among the processes; answers how many were allowed. */
const race = (
  processes: ReadonlyArray<Process>,
  calls: number,
  user: UserId,
  onAnswer: Effect.Effect<unknown> = Effect.void
) =>
  Effect.map(
    Effect.forEach(
      repeat(calls, (index) => processes[index % processes.length]),
      (process) =>
        process === undefined ? Effect.succeed([]) : Effect.tap(process.deliveries.resolve([mail(user)]), onAnswer),
      { concurrency: "unbounded" }
    ),
    (answers) => answers.flat().filter((resolution) => wordOf(resolution) === "allow").length
  )

describe.skipIf(databaseUrl === "" || redisUrl === "")("over PostgreSQL and Redis", () => {
  const database = TestDatabase.layerPostgres(databaseUrl)
  const inRedis = layerOver(database, Quotas.layerRedis.pipe(Layer.provide(TestRedis.layer(redisUrl))))
  DeliveriesSuite.suite("deliveries, counted in Redis", inRedis)
  StatusesSuite.suite("statuses, counted in Redis", inRedis)
  ExplanationsSuite.suite("explanations over PostgreSQL", inRedis)
  const inPostgres = layerOver(database, quotasOn(nowhere))
  DeliveriesSuite.suite("deliveries, counted in PostgreSQL since Redis is away", inPostgres)
  StatusesSuite.suite("statuses, counted in PostgreSQL since Redis is away", inPostgres)

  it.live("of 50 concurrent calls in two processes with a limit of 10, exactly 10 are allowed", () =>
    Effect.gen(function* () {
      const { onDatabase, process } = yield* sharedDatabase
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const processes = [yield* process(quotasOn(redisUrl, prefix)), yield* process(quotasOn(redisUrl, prefix))]
      const user = yield* onDatabase(somebody({ preferences: { frequency_limit: 10 } }))
      assert.strictEqual(yield* race(processes, 50, user), 10)
      assert.strictEqual(yield* onDatabase(chargesOf(user)), 10)
    })
  )

  it.live(
    "exactly 10 are allowed if only one of the processes has lost Redis, for concurrent and for alternating calls",
    () =>
      Effect.gen(function* () {
        const { onDatabase, process } = yield* sharedDatabase
        const prefix = yield* TestRedis.freshPrefix(redisUrl)
        const [near, far] = [yield* process(quotasOn(redisUrl, prefix)), yield* process(quotasOn(nowhere))]
        const [user, other] = yield* onDatabase(people(2, { preferences: { frequency_limit: 10 } }))
        assert.strictEqual(yield* race([near, far], 50, user), 10)
        assert.strictEqual(yield* onDatabase(chargesOf(user)), 10)
        let allowed = 0
        for (const one of repeat(8, (index) => (index % 2 === 0 ? near : far)))
          allowed += yield* race([one], 2, other ?? user)
        assert.strictEqual(allowed, 10)
      })
  )

  it.live("an exclusive charge waits for charges that others are recording, and counts them", () =>
    Effect.gen(function* () {
      const { onDatabase, process, sql } = yield* sharedDatabase
      const [near, far] = [yield* process(quotasOn(nowhere)), yield* process(quotasOn(nowhere))]
      const user = yield* onDatabase(somebody({ preferences: { frequency_limit: 1 } }))
      const now = yield* DateTime.now
      const record: DeliveryRecord = {
        id: DeliveryId.make(freshId()),
        isNew: true,
        notificationId: freshId(),
        place: 0,
        userId: user,
        capEpoch: 0,
        channel: "email",
        category: "system",
        email: null,
        chargedOn: DateTime.formatIsoDateUtc(now),
        basis: { at: now, utcOffset: 0, preferencesVersion: 1, frequencyLimit: 1, charged: 1 }
      }
      const [recorded, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const recording = yield* Effect.forkScoped(
        near.sql.withTransaction(
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* near.repo.add([record], [], now), [record.id])
            yield* Deferred.succeed(recorded, undefined)
            yield* Deferred.await(end)
          })
        )
      )
      yield* Deferred.await(recorded)
      const racing = yield* Effect.forkScoped(race([far], 1, user))
      const isWaiting = Effect.map(
        sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        (waiting) => waiting.length > 0
      )
      yield* waitUntil(
        Effect.orElseSucceed(Effect.raceFirst(isWaiting, Effect.as(Fiber.await(racing), true)), () => false)
      )
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(recording)
      assert.strictEqual(yield* Fiber.join(racing), 0)
      // What is recorded by a count that has moved on meanwhile is not.
      assert.deepStrictEqual(
        yield* near.repo.add([{ ...record, id: DeliveryId.make(freshId()), notificationId: freshId() }], [], now),
        []
      )
    })
  )

  it.live("concurrent charges and refunds result in exactly the number of recorded deliveries", () =>
    Effect.gen(function* () {
      const { onDatabase, process } = yield* sharedDatabase
      const prefix = yield* TestRedis.freshPrefix(redisUrl)
      const one = yield* process(quotasOn(redisUrl, prefix))
      const two = yield* process(quotasOn(redisUrl, prefix))
      const user = yield* onDatabase(somebody({ preferences: { frequency_limit: 5 } }))
      const failed = (): StatusReport => ({ notificationId: freshId(), status: "failed", userId: user })
      const round = Effect.gen(function* () {
        const allowed = (yield* one.deliveries.resolve(repeat(3, () => mail(user)))).filter(
          (resolution) => resolution.decision === "allow"
        )
        yield* two.statuses.report([
          ...allowed.map(({ notificationId }) => ({ ...failed(), notificationId })),
          failed()
        ])
        return yield* two.deliveries.resolve(repeat(2, () => mail(user)))
      })
      yield* Effect.all(
        repeat(8, () => round),
        { concurrency: "unbounded" }
      )
      const left = 5 - (yield* onDatabase(chargesOf(user)))
      assert.isAtLeast(left, 0)
      assert.strictEqual(yield* race([one, two], 10, user), left)
      assert.strictEqual(yield* onDatabase(chargesOf(user)), 5)
    })
  )

  it.live("users who are erased during concurrent calls cause no failure and leave no rows", () =>
    Effect.gen(function* () {
      const { onDatabase, process, sql } = yield* sharedDatabase
      const one = yield* process(quotasOn(nowhere))
      const two = yield* process(Quotas.layerMemory)
      const users = yield* onDatabase(people(20))
      yield* Effect.forEach(users, (user, index) =>
        Effect.gen(function* () {
          const own = freshId()
          yield* one.deliveries.resolve([mail(user, { notificationId: own })])
          // The second one is denied, and recorded by its name.
          const all = users.flatMap((each) => [mail(each), mail(each, { channel: "push", notificationId: freshId() })])
          const reports = users.flatMap((each): ReadonlyArray<StatusReport> => [
            { notificationId: freshId(), status: "failed", userId: each },
            { notificationId: own, status: index % 2 === 0 ? "failed" : "delivered" }
          ])
          yield* Effect.all(
            [
              one.deliveries.resolve(all),
              two.deliveries.resolve(all.toReversed()),
              one.statuses.report(reports),
              two.statuses.report(reports.toReversed()),
              sql`delete from users where id = ${user}`
            ],
            { concurrency: "unbounded" }
          )
        })
      )
      const left = yield* sql`select count(*)::int as count from deliveries where user_id is not null`
      assert.deepStrictEqual(left, [{ count: 0 }])
      const decisions = yield* sql`select distinct rule from delivery_decisions`
      assert.deepStrictEqual(decisions, [{ rule: "user_unknown" }])
    })
  )

  it.live("the same status report in many concurrent batches of two processes is applied once", () =>
    Effect.gen(function* () {
      const { onDatabase, process } = yield* sharedDatabase
      const processes = [yield* process(quotasOn(nowhere)), yield* process(quotasOn(nowhere))]
      const users = yield* onDatabase(people(10))
      const devices = yield* onDatabase(Effect.forEach(users, (user) => registerDevice(user)))
      const reports = users.map((userId, index) => ({
        notificationId: freshId(),
        status: "failed" as const,
        channel: "push" as const,
        userId,
        errorCode: "UNREGISTERED",
        ...(devices[index] === undefined ? {} : { pushTokenId: devices[index].id })
      }))
      const outcomes = yield* Effect.forEach(
        repeat(20, (index) => processes[index % 2]),
        (one, index) => one?.statuses.report(index % 3 === 0 ? reports.toReversed() : reports) ?? Effect.succeed([]),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        outcomes.flat().filter((outcome) => outcome === "applied"),
        10
      )
    })
  )
})

const hasRedisServer = spawnSync("redis-server", ["--version"]).status === 0

describe.skipIf(databaseUrl === "" || !hasRedisServer)("while Redis is killed and emptied", () => {
  it.live("of 60 calls in two processes, during which Redis is killed, exactly 10 are allowed", () =>
    Effect.gen(function* () {
      const { onDatabase, process } = yield* sharedDatabase
      const server = yield* RedisServer.make()
      yield* server.start
      const processes = [yield* process(quotasOn(server.url)), yield* process(quotasOn(server.url))]
      const users = yield* onDatabase(people(4, { preferences: { frequency_limit: 10 } }))
      yield* Effect.forEach(users, (user) =>
        Effect.gen(function* () {
          yield* waitUntil(Effect.map(race(processes, 1, user), () => true))
          const answered = yield* Deferred.make<void>()
          const racing = race(processes, 60, user, Deferred.succeed(answered, undefined))
          const killing = Effect.andThen(Deferred.await(answered), server.kill)
          const [allowed] = yield* Effect.all([racing, killing], { concurrency: 2 })
          assert.strictEqual(allowed, 9)
          assert.strictEqual(yield* onDatabase(chargesOf(user)), 10)
          yield* server.start
          assert.strictEqual(yield* race(processes, 4, user), 0)
        })
      )
    })
  )

  it.live("deliveries that were counted before Redis was emptied still count", () =>
    Effect.gen(function* () {
      const { onDatabase, process } = yield* sharedDatabase
      const server = yield* RedisServer.make()
      yield* server.start
      const one = yield* process(quotasOn(server.url))
      const user = yield* onDatabase(somebody({ preferences: { frequency_limit: 10 } }))
      assert.strictEqual(yield* race([one], 4, user), 4)
      yield* server.kill
      assert.strictEqual(yield* race([one], 3, user), 3)
      yield* server.start
      const other = yield* process(quotasOn(server.url))
      assert.strictEqual(yield* race([other, one], 20, user), 3)
    })
  )
})
