import { assert, describe, it } from "@effect/vitest"
import { Sessions } from "@user-service/core/sessions/Sessions"
import type { Tokens } from "@user-service/core/sessions/SessionTokens"
import { Duration, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { eventsOf, layer, register, tagOf } from "../TestCore.ts"

const refresh = (token: string) => Sessions.use((sessions) => sessions.refresh(Redacted.make(token)))
const authenticate = (token: string) => Sessions.use((sessions) => sessions.authenticate(Redacted.make(token)))
const lifetimes = ({ accessExpiresIn, refreshExpiresIn }: Tokens) => [accessExpiresIn, refreshExpiresIn]
const minutes = (count: number) => count * 60

describe("lifetimes of ten minutes, an hour and two and a half", () => {
  it.layer(layer())((it) => {
    it.effect("the tokens of a new session have their full lifetimes", () =>
      Effect.gen(function* () {
        const { tokens } = yield* register
        assert.deepStrictEqual(lifetimes(tokens), [minutes(10), minutes(60)])
      })
    )

    it.effect("an access token expires, and the session continues", () =>
      Effect.gen(function* () {
        const { sessionId, tokens } = yield* register
        yield* TestClock.adjust("599 seconds")
        assert.strictEqual((yield* authenticate(tokens.access)).sessionId, sessionId)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* tagOf(authenticate(tokens.access)), "TokenExpired")
        const next = yield* refresh(tokens.refresh)
        assert.strictEqual((yield* authenticate(next.access)).sessionId, sessionId)
      })
    )

    it.effect("an unused refresh token expires, which is no theft", () =>
      Effect.gen(function* () {
        const { tokens, userId } = yield* register
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* tagOf(refresh(tokens.refresh)), "TokenExpired")
        assert.isFalse((yield* eventsOf(userId)).some((event) => event._tag === "SessionRevoked"))
      })
    )

    it.effect("each refresh extends the session up to its longest lifetime, with which both tokens end", () =>
      Effect.gen(function* () {
        const { tokens: first } = yield* register
        yield* TestClock.adjust("50 minutes")
        const second = yield* refresh(first.refresh)
        assert.deepStrictEqual(lifetimes(second), [minutes(10), minutes(60)])
        yield* TestClock.adjust("50 minutes")
        const third = yield* refresh(second.refresh)
        assert.deepStrictEqual(lifetimes(third), [minutes(10), minutes(50)])
        yield* TestClock.adjust("45 minutes")
        const fourth = yield* refresh(third.refresh)
        assert.deepStrictEqual(lifetimes(fourth), [minutes(5), minutes(5)])
        yield* TestClock.adjust("299 seconds")
        yield* authenticate(fourth.access)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* tagOf(authenticate(fourth.access)), "TokenExpired")
        assert.strictEqual(yield* tagOf(refresh(fourth.refresh)), "TokenExpired")
      })
    )
  })

  it.layer(layer({ sessions: { maxLifetime: Duration.minutes(8) } }))((it) => {
    it.effect("a session with a shorter lifetime than its tokens shortens both", () =>
      Effect.gen(function* () {
        const { tokens } = yield* register
        assert.deepStrictEqual(lifetimes(tokens), [minutes(8), minutes(8)])
      })
    )
  })
})

describe("a refresh token used again", () => {
  it.layer(layer())((it) => {
    it.effect("within the grace period, which starts with the exchange, returns the same successor", () =>
      Effect.gen(function* () {
        const { tokens } = yield* register
        const { refresh: successor } = yield* refresh(tokens.refresh)
        for (const pause of ["4 seconds", "6 seconds"] as const) {
          yield* TestClock.adjust(pause)
          assert.strictEqual((yield* refresh(tokens.refresh)).refresh, successor)
        }
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* tagOf(refresh(tokens.refresh)), "TokenInvalid")
      })
    )

    it.effect("after the grace period ends the session, with one event and one audit entry", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { sessionId, tokens, userId } = yield* register
        const successor = yield* refresh(tokens.refresh)
        yield* authenticate(successor.access)
        yield* TestClock.adjust("10001 millis")
        for (const token of [tokens.refresh, tokens.refresh, successor.refresh]) {
          assert.strictEqual(yield* tagOf(refresh(token)), "TokenInvalid")
        }
        assert.strictEqual(yield* tagOf(authenticate(successor.access)), "TokenInvalid")
        const revoked = (yield* eventsOf(userId)).filter((event) => event._tag === "SessionRevoked")
        assert.deepStrictEqual(
          revoked.map((event) => [event.sessionId, event.reason]),
          [[sessionId, "reuse_detected"]]
        )
        assert.lengthOf(
          yield* sql`select 1 from audit_log where user_id = ${userId} and action = 'session.reuse_detected'`,
          1
        )
      })
    )

    it.effect("that is two generations old is treated as theft at any time", () =>
      Effect.gen(function* () {
        const { tokens } = yield* register
        const second = yield* refresh(tokens.refresh)
        const third = yield* refresh(second.refresh)
        assert.strictEqual((yield* refresh(second.refresh)).refresh, third.refresh)
        assert.strictEqual(yield* tagOf(refresh(tokens.refresh)), "TokenInvalid")
        assert.strictEqual(yield* tagOf(refresh(third.refresh)), "TokenInvalid")
      })
    )

    it.effect("after a logout is refused, and not treated as theft", () =>
      Effect.gen(function* () {
        const { tokens, userId } = yield* register
        yield* Sessions.use((sessions) =>
          sessions.logout({ access: Option.none(), refresh: Option.some(Redacted.make(tokens.refresh)) })
        )
        assert.strictEqual(yield* tagOf(refresh(tokens.refresh)), "TokenInvalid")
        const reasons = (yield* eventsOf(userId)).flatMap((event) =>
          event._tag === "SessionRevoked" ? [event.reason] : []
        )
        assert.deepStrictEqual(reasons, ["logout"])
      })
    )

    it.effect("of a disabled user is refused, and valid again when the user is enabled", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { tokens, userId } = yield* register
        yield* sql`update users set is_active = false where id = ${userId}`
        assert.strictEqual(yield* tagOf(refresh(tokens.refresh)), "TokenInvalid")
        yield* sql`update users set is_active = true where id = ${userId}`
        yield* refresh(tokens.refresh)
      })
    )
  })

  it.layer(layer({ sessions: { refreshGrace: Duration.zero } }))((it) => {
    it.effect("without a grace period is treated as theft from the next millisecond on", () =>
      Effect.gen(function* () {
        const { tokens } = yield* register
        yield* refresh(tokens.refresh)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* tagOf(refresh(tokens.refresh)), "TokenInvalid")
      })
    )
  })
})
