import { assert, describe, it } from "@effect/vitest"
import { Outbox } from "@user-service/core/outbox/Outbox"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Deferred, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { entireOutbox, layerOver, newUser, rename, suite } from "./OutboxSuite.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("on PostgreSQL", () => {
  const database = TestDatabase.layerPostgres(databaseUrl)
  suite("Outbox", database)

  describe("of several at once", () => {
    it.layer(layerOver(database), { excludeTestServices: true })((it) => {
      it.effect("what one has in hand, another does not see, and what it leaves comes to the next", () =>
        Effect.gen(function* () {
          const { relay } = yield* Outbox
          const user = yield* newUser
          yield* rename(user, "1")
          const inHand = yield* Deferred.make<void>()
          const goOn = yield* Deferred.make<void>()
          const first = yield* Effect.forkChild(
            relay(entireOutbox, () =>
              Effect.as(Effect.andThen(Deferred.succeed(inHand, undefined), Deferred.await(goOn)), [])
            )
          )
          yield* Deferred.await(inHand)
          const second = relay(entireOutbox, (events) => Effect.succeed(events.map(({ id }) => id)))
          assert.deepStrictEqual(yield* second, { taken: 0, left: 0 })
          yield* Deferred.succeed(goOn, undefined)
          assert.deepStrictEqual(yield* Fiber.join(first), { taken: 1, left: 1 })
          assert.deepStrictEqual(yield* second, { taken: 1, left: 0 })
        })
      )

      it.effect("of many nobody publishes what another has", () =>
        Effect.gen(function* () {
          const { relay } = yield* Outbox
          const users = yield* Effect.replicateEffect(newUser, 40)
          yield* Effect.forEach(
            users,
            (user) => Effect.forEach(["1", "2", "3"], (count) => rename(user, count), { discard: true }),
            { concurrency: 4, discard: true }
          )
          const published: Array<string> = []
          const turn = relay({ limit: 10, shards: 2, except: [] }, (events) =>
            Effect.sync(() => {
              published.push(...events.map(({ id }) => id))
              return events.map(({ id }) => id)
            }).pipe(Effect.tap(Effect.yieldNow))
          )
          // One that finds everything taken may be done before the others are.
          const untilNone = Effect.repeat(turn, { while: ({ taken }) => taken > 0 })
          yield* Effect.replicateEffect(untilNone, 4, { concurrency: "unbounded" })
          yield* untilNone
          assert.strictEqual(published.length, 120)
          assert.strictEqual(new Set(published).size, 120)
        })
      )

      it.effect("a turn that is cut off lets go of what it had", () =>
        Effect.gen(function* () {
          const { relay } = yield* Outbox
          const sql = yield* SqlClient.SqlClient
          const user = yield* newUser
          yield* rename(user, "1")
          const inHand = yield* Deferred.make<void>()
          const fiber = yield* Effect.forkChild(
            relay(entireOutbox, () => Effect.andThen(Deferred.succeed(inHand, undefined), Effect.never))
          )
          yield* Deferred.await(inHand)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(
            yield* sql`select 1 from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database())`,
            []
          )
          assert.deepInclude(yield* relay(entireOutbox, (events) => Effect.succeed(events.map(({ id }) => id))), {
            left: 0,
            taken: 1
          })
        })
      )
    })
  })
})
