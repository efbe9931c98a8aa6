import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import * as Postgres from "@user-service/database/Postgres"
import { Storage } from "@user-service/database/Storage"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { SessionId } from "@user-service/domain/Session"
import { UserId } from "@user-service/domain/User"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import { layer, register } from "../TestCore.ts"
import * as TestSettings from "../TestSettings.ts"

// What another process over the same database and cache knows.
const anotherProcess = Effect.map(Layer.build(Layer.fresh(LiveSessions.layer)), (context) =>
  Context.get(context, LiveSessions)
)

const revokeInDatabase = Effect.fnUntraced(function* (sessionId: SessionId) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`update sessions set revoked_at = now(), revoked_reason = 'revoked' where id = ${sessionId}`
})

/** Keeps the database to itself until the effect inside is run. */
const holdDatabase = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [held, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const holding = sql.withTransaction(Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(gate)))
  yield* Effect.forkChild(holding)
  yield* Deferred.await(held)
  return Deferred.succeed(gate, undefined)
})

describe("LiveSessions", () => {
  it.layer(layer())((it) => {
    it.effect("a live session is alive, one that is not there is not", () =>
      Effect.gen(function* () {
        const { isAlive } = yield* LiveSessions
        const { sessionId, userId } = yield* register
        assert.isTrue(yield* isAlive(userId, sessionId))
        assert.isFalse(yield* isAlive(userId, SessionId.make(randomUUID())))
      })
    )

    it.effect("a session is alive for its own user alone, whoever asks first", () =>
      Effect.gen(function* () {
        const [process, other] = [yield* LiveSessions, yield* anotherProcess]
        const [one, another] = [yield* register, yield* register]
        for (const { isAlive } of [process, other]) {
          assert.isFalse(yield* isAlive(another.userId, one.sessionId))
          assert.isTrue(yield* isAlive(one.userId, one.sessionId))
          assert.isFalse(yield* isAlive(another.userId, one.sessionId))
        }
      })
    )

    it.effect("a process that knows nothing of a session asks the database", () =>
      Effect.gen(function* () {
        const { isAlive } = yield* LiveSessions
        const sql = yield* SqlClient.SqlClient
        const revoked = yield* register
        yield* revokeInDatabase(revoked.sessionId)
        assert.isFalse(yield* isAlive(revoked.userId, revoked.sessionId))
        const disabled = yield* register
        yield* sql`update users set is_active = false where id = ${disabled.userId}`
        assert.isFalse(yield* isAlive(disabled.userId, disabled.sessionId))
        const expired = yield* register
        yield* TestClock.adjust("1 hour")
        assert.isFalse(yield* isAlive(expired.userId, expired.sessionId))
      })
    )

    it.effect("what another process ended is believed alive for less than 900 ms more", () =>
      Effect.gen(function* () {
        const { isAlive } = yield* LiveSessions
        const { end } = yield* anotherProcess
        const { sessionId, userId } = yield* register
        assert.isTrue(yield* isAlive(userId, sessionId))
        yield* end([{ userId, sessionId }])
        yield* TestClock.adjust("899 millis")
        assert.isTrue(yield* isAlive(userId, sessionId))
        yield* TestClock.adjust("1 millis")
        assert.isFalse(yield* isAlive(userId, sessionId))
      })
    )

    it.effect(
      "an end that neither the process nor the cache was told of is seen within a minute, however often it is asked",
      () =>
        Effect.gen(function* () {
          const processes = [yield* LiveSessions, yield* anotherProcess]
          const { sessionId, userId } = yield* register
          const alive = Effect.forEach(processes, ({ isAlive }) => isAlive(userId, sessionId))
          assert.deepStrictEqual(yield* alive, [true, true])
          yield* revokeInDatabase(sessionId)
          assert.deepStrictEqual(yield* alive, [true, true])
          for (let second = 0; second < 59; second++) {
            yield* TestClock.adjust("1 second")
            yield* alive
          }
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* alive, [false, false])
        })
    )

    it.effect("a belief counts from when it was asked for, not from when it was answered", () =>
      Effect.gen(function* () {
        const { isAlive } = yield* LiveSessions
        const { sessionId, userId } = yield* register
        const release = yield* holdDatabase
        const asking = yield* Effect.forkChild(isAlive(userId, sessionId), { startImmediately: true })
        yield* TestClock.adjust("800 millis")
        yield* release
        assert.isTrue(yield* Fiber.join(asking))
        yield* (yield* anotherProcess).end([{ userId, sessionId }])
        yield* TestClock.adjust("100 millis")
        assert.isFalse(yield* isAlive(userId, sessionId))
      })
    )

    it.effect("what was ended here is refused at once and stays ended, whatever the database says", () =>
      Effect.gen(function* () {
        const { end, isAlive } = yield* LiveSessions
        const { sessionId, userId } = yield* register
        assert.isTrue(yield* isAlive(userId, sessionId))
        yield* end([{ userId, sessionId }])
        for (const pause of ["0 seconds", "1 second", "20 minutes"] as const) {
          yield* TestClock.adjust(pause)
          assert.isFalse(yield* isAlive(userId, sessionId))
        }
      })
    )

    it.effect("a read that began before the end and answers alive after it is not believed", () =>
      Effect.gen(function* () {
        const { end, isAlive } = yield* LiveSessions
        const other = yield* anotherProcess
        const { sessionId, userId } = yield* register
        const release = yield* holdDatabase
        const reading = yield* Effect.forkChild(isAlive(userId, sessionId), { startImmediately: true })
        yield* end([{ userId, sessionId }])
        yield* release
        assert.isFalse(yield* Fiber.join(reading))
        // Nor has it put "alive" where other processes look.
        assert.isFalse(yield* other.isAlive(userId, sessionId))
      })
    )

    it.effect("many that ask at once ask the database once", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { isAlive } = yield* LiveSessions
        const { sessionId, userId } = yield* register
        const release = yield* holdDatabase
        const asking = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 50 }, () => isAlive(userId, sessionId)),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        // Stands behind the first read in the queue for the connection, and before any second.
        const revoking = yield* Effect.forkChild(
          sql`update sessions set revoked_at = now(), revoked_reason = 'revoked' where id = ${sessionId}`,
          { startImmediately: true }
        )
        yield* release
        yield* Fiber.join(revoking)
        assert.deepStrictEqual(
          yield* Fiber.join(asking),
          Array.from({ length: 50 }, () => true)
        )
      })
    )
  })

  const unreachable = Postgres.layer(settingsOf("postgres://postgres@127.0.0.1:1/none", 2))
  const away = LiveSessions.layer.pipe(
    Layer.provide([Storage.layer, TestSettings.layer()]),
    Layer.provideMerge(Cache.layerMemory),
    Layer.provide(unreachable)
  )

  it.layer(away, { excludeTestServices: true })("with the database out of reach", (it) => {
    const userId = UserId.make(randomUUID())

    it.effect("a session that is not known is neither alive nor ended, every time it is asked for", () =>
      Effect.gen(function* () {
        const { isAlive } = yield* LiveSessions
        const sessionId = SessionId.make(randomUUID())
        for (let time = 0; time < 2; time++) {
          const error = yield* Effect.flip(isAlive(userId, sessionId))
          assert.strictEqual(error._tag, "ServiceUnavailable")
          assert.strictEqual(error.what, "database")
        }
      })
    )

    it.effect("one that was ended is refused", () =>
      Effect.gen(function* () {
        const { end, isAlive } = yield* LiveSessions
        const sessionId = SessionId.make(randomUUID())
        yield* end([{ userId, sessionId }])
        assert.isFalse(yield* isAlive(userId, sessionId))
      })
    )
  })
})
