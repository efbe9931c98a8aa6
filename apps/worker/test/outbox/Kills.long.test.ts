import { assert, describe, it } from "@effect/vitest"
import type { UserId } from "@user-service/domain/User"
import { Array, Effect, Fiber, Random } from "effect"
import { SqlClient } from "effect/sql"
import * as Engines from "../Engines.ts"
import * as Program from "../Program.ts"
import { waitUntil, newUser, rename, waitingEvents } from "../TestWork.ts"
import { receivedNames, listen } from "./ReceivedEvents.ts"

const userCount = 100

/** Makes `changes` numbered changes of each user, those of one user one after the other. */
const changesOf = (users: ReadonlyArray<UserId>, from: number, changes: number) =>
  Effect.forEach(
    users,
    (user) =>
      Effect.forEach(Array.range(from, from + changes - 1), (name) => rename(user, String(name)), { discard: true }),
    { concurrency: 4, discard: true }
  )

const published = SqlClient.SqlClient.use((sql) =>
  Effect.map(
    sql<{ count: number }>`select count(*)::int as count from outbox where published_at is not null`,
    ([row]) => row?.count ?? 0
  )
)

const isOut = (count: number) =>
  Effect.map(Effect.all([waitingEvents, published]), ([left, out]) => left === 0 && out === count)

/** The expected names of each user, in order. */
const everyChange = (users: ReadonlyArray<UserId>, changes: number) =>
  new Map(users.map((user) => [user, Array.range(1, changes).map(String)]))

describe.skipIf(!Engines.areAvailable)(
  `workers that are killed (skipped where ${Engines.skipReason})`,
  { timeout: 180_000 },
  () => {
    it.live("three at once over 2,000 changes: none is lost, each user's are in order, and all stop when told to", () =>
      Effect.gen(function* () {
        const { database, environment, rabbitmq } = yield* Engines.start
        yield* Effect.gen(function* () {
          const received = yield* listen()
          const workers = yield* Effect.replicateEffect(Program.start(environment), 3)
          yield* Effect.forEach(workers, (worker) => worker.ready, { discard: true })
          const users = yield* Effect.replicateEffect(newUser, userCount)
          yield* changesOf(users, 1, 20)
          yield* waitUntil(isOut(userCount * 20))
          yield* waitUntil(Effect.sync(() => new Set(received.map(({ id }) => id)).size === userCount * 20))
          assert.deepStrictEqual(receivedNames(received), everyChange(users, 20))
          yield* Effect.forEach(workers, (worker) => worker.signal("SIGTERM"), { discard: true })
          const ends = yield* Effect.forEach(workers, (worker) => worker.ended)
          assert.deepStrictEqual(
            ends.map(({ code, stderr }) => ({ code, stderr })),
            workers.map(() => ({ code: 0, stderr: "" }))
          )
        }).pipe(Effect.provide(Engines.layerOf(database, rabbitmq.url)))
      })
    )

    it.live("killed in the midst of it, and RabbitMQ too: all is told in the end, each user's in order, and soon", () =>
      Effect.gen(function* () {
        const { database, environment, rabbitmq } = yield* Engines.start
        yield* Effect.gen(function* () {
          const received = yield* listen()
          const users = yield* Effect.replicateEffect(newUser, userCount)
          /** Waits until `count` more events are marked as published. */
          const progress = Effect.gen(function* () {
            const before = yield* published
            const more = yield* Random.nextIntBetween(1, 300)
            yield* waitUntil(Effect.map(published, (count) => count > before + more))
          })

          for (const round of [0, 1, 2]) {
            const worker = yield* Program.start(environment)
            yield* worker.ready
            const working = yield* Effect.forkChild(changesOf(users, 1 + round * 5, 5))
            yield* progress
            yield* worker.signal("SIGKILL")
            yield* worker.ended
            yield* Fiber.join(working)
          }

          const last = yield* Program.start(environment)
          yield* last.ready
          const working = yield* Effect.forkChild(changesOf(users, 16, 5))
          yield* progress
          yield* rabbitmq.kill
          // Changes continue while RabbitMQ is down.
          yield* Fiber.join(working)
          yield* rabbitmq.start
          // Within half a minute after RabbitMQ is back.
          yield* waitUntil(isOut(userCount * 20))
          yield* waitUntil(Effect.sync(() => new Set(received.map(({ id }) => id)).size === userCount * 20))
          assert.deepStrictEqual(receivedNames(received), everyChange(users, 20))
        }).pipe(Effect.provide(Engines.layerOf(database, rabbitmq.url)))
      })
    )
  }
)
