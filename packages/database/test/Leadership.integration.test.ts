import { assert, describe, it } from "@effect/vitest"
import { whileLeading } from "@user-service/database/Leadership"
import * as Postgres from "@user-service/database/Postgres"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Context, Deferred, Effect, Fiber, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { databaseUrl } from "./engine.ts"

const lock = 77

/** A process with connections of its own. */
const processOn = (url: string) =>
  Effect.map(Layer.build(Layer.fresh(Postgres.layer(TestDatabase.settingsOf(url, 8)))), (context) => {
    const sql = Context.get(context, SqlClient.SqlClient)
    return <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.provideService(whileLeading(lock)(effect), SqlClient.SqlClient, sql)
  })

describe.skipIf(databaseUrl === "")("whileLeading on PostgreSQL", () => {
  it.live("runs the effect in one process at a time, and returns none in the others", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.freshDatabase(databaseUrl)
      const [first, second] = [yield* processOn(url), yield* processOn(url)]
      const leading = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        first(Effect.andThen(Deferred.succeed(leading, undefined), Effect.as(Deferred.await(goOn), "first")))
      )
      yield* Deferred.await(leading)
      assert.deepStrictEqual(yield* second(Effect.succeed("second")), Option.none())
      // Nor does the same process a second time.
      assert.deepStrictEqual(yield* first(Effect.succeed("again")), Option.none())
      yield* Deferred.succeed(goOn, undefined)
      assert.deepStrictEqual(yield* Fiber.join(fiber), Option.some("first"))
      assert.deepStrictEqual(yield* second(Effect.succeed("second")), Option.some("second"))
    })
  )

  it.live("releases the lock when the effect succeeds, fails or is interrupted", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.freshDatabase(databaseUrl)
      const [first, second] = [yield* processOn(url), yield* processOn(url)]
      assert.strictEqual(yield* Effect.flip(first(Effect.fail("no"))), "no")
      assert.deepStrictEqual(yield* second(Effect.succeed(1)), Option.some(1))
      const leading = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(first(Effect.andThen(Deferred.succeed(leading, undefined), Effect.never)))
      yield* Deferred.await(leading)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* second(Effect.succeed(2)), Option.some(2))
    })
  )
})

describe("whileLeading on PGlite", () => {
  it.layer(TestDatabase.layerPgLite, { excludeTestServices: true })((it) => {
    it.effect("always runs the effect, and other statements continue meanwhile", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const led = yield* whileLeading(lock)(sql`select 1 as one`)
        assert.deepStrictEqual(led, Option.some([{ one: 1 }]))
      })
    )
  })
})
