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
    it.effect("a live session is alive, and a missing one is not", () =>
      Effect.gen(function* () {
        const { isAlive } = yield* LiveSessions
        const { sessionId, userId } = yield* register
        assert.isTrue(yield* isAlive(userId, sessionId))
        assert.isFalse(yield* isAlive(userId, SessionId.make(randomUUID())))
      })
    )

    it.effect("a session is alive only for its own user", () =>
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

    it.effect("a process reads an unknown session from the database", () =>
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

    it.effect("a session that another process ended is accepted for less than 900 ms", () =>
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

    it.effect("an end that reached neither the process nor the cache is noticed within a minute", () =>
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

    it.effect("a positive answer is trusted from the time of the question, not of the answer", () =>
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

    it.effect("a session that this process ended is refused at once, whatever the database answers", () =>
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

    it.effect("a read that began before the end of a session does not make it alive", () =>
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

    it.effect("concurrent questions cause one query", () =>
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

    it.effect("an unknown session is neither alive nor ended", () =>
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

    it.effect("an ended session is refused", () =>
      Effect.gen(function* () {
        const { end, isAlive } = yield* LiveSessions
        const sessionId = SessionId.make(randomUUID())
        yield* end([{ userId, sessionId }])
        assert.isFalse(yield* isAlive(userId, sessionId))
      })
    )
  })
})
