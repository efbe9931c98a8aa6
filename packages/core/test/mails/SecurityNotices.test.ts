import { assert, describe, it } from "@effect/vitest"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import { CurrentOrigin } from "@user-service/core/Origin"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { layer, noticesOf, password, register } from "../TestCore.ts"

const from = Effect.provideService(CurrentOrigin, {
  ip: "192.0.2.7",
  network: "192.0.2.7",
  userAgent: "Firefox/140.0"
})

describe("a security notice", () => {
  it.layer(layer())((it) => {
    it.effect("is sent to the user's address after a password change, with the origin of the change", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, sessionId, userId } = yield* register
        yield* sql`update profiles set language = 'de' where user_id = ${userId}`
        yield* PasswordChanges.use(({ change }) =>
          change({ userId, sessionId }, { old: password, new: Redacted.make("nine quiet otters") })
        ).pipe(from)
        const [notice, ...others] = yield* noticesOf(userId)
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual(
          [notice?.kind, notice?.email, notice?.language, notice?.ip, notice?.userAgent],
          ["password_changed", email, "de", "192.0.2.7", "Firefox/140.0"]
        )
      })
    )

    it.effect("is sent once when all sessions are ended, and not if there was none", () =>
      Effect.gen(function* () {
        const { userId } = yield* register
        yield* Sessions.use(({ logoutAll }) => logoutAll(userId))
        yield* Sessions.use(({ logoutAll }) => logoutAll(userId))
        assert.deepStrictEqual(
          (yield* noticesOf(userId)).map(({ kind }) => kind),
          ["sessions_ended"]
        )
      })
    )

    it.effect("is sent when a refresh token is reused, with the origin of the request", () =>
      Effect.gen(function* () {
        const { tokens, userId } = yield* register
        const refresh = (token: string) => Sessions.use((sessions) => sessions.refresh(Redacted.make(token)))
        const second = yield* refresh(tokens.refresh)
        yield* refresh(second.refresh)
        yield* TestClock.adjust("11 seconds")
        yield* Effect.flip(refresh(tokens.refresh)).pipe(from)
        const notices = yield* noticesOf(userId)
        assert.lengthOf(notices, 1)
        assert.deepInclude(notices[0], { kind: "sessions_ended", ip: "192.0.2.7" })
      })
    )

    it.effect("is not sent when users end a session themselves", () =>
      Effect.gen(function* () {
        const { sessionId, userId } = yield* register
        yield* Sessions.use(({ revoke }) => revoke(userId, sessionId))
        assert.deepStrictEqual(yield* noticesOf(userId), [])
      })
    )
  })
})
