import { assert, describe, it } from "@effect/vitest"
import { Logins } from "@user-service/core/accounts/Logins"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { DeviceToken } from "@user-service/domain/PushToken"
import { UserId } from "@user-service/domain/User"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { eventsOf, layer, password, register, tagOf } from "../TestCore.ts"
import { as, auditOf, registerStaff } from "./Staff.ts"

const disable = (userId: UserId) => AccountStates.use((states) => states.disable(userId))
const enable = (userId: UserId) => AccountStates.use((states) => states.enable(userId))

const addToken = (owner: Effect.Success<typeof register>) => {
  const token = DeviceToken.make(randomUUID())
  return Effect.as(
    PushTokens.use((tokens) => tokens.register(owner, { token, platform: "ios" })),
    token
  )
}

describe("AccountStates", () => {
  it.layer(layer())((it) => {
    it.effect("disabling ends all sessions, silences all push tokens, and refuses logins", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const staff = yield* registerStaff("support")
        const user = yield* register
        const [bound, unbound] = [yield* addToken(user), yield* addToken(user)]
        yield* sql`update push_tokens set session_id = null where token = ${unbound}`
        assert.deepStrictEqual(yield* as(staff)(disable(user.userId)), { isChanged: true })

        const { authenticate, refresh } = yield* Sessions
        assert.strictEqual(yield* tagOf(authenticate(Redacted.make(user.tokens.access))), "TokenInvalid")
        assert.strictEqual(yield* tagOf(refresh(Redacted.make(user.tokens.refresh))), "TokenInvalid")
        const login = Logins.use((logins) => logins.login({ email: user.email, password, deviceName: "" }))
        assert.strictEqual(yield* tagOf(login), "InvalidCredentials")
        assert.deepStrictEqual(yield* PushTokens.use(({ live }) => live(user.userId)), [])
        assert.deepStrictEqual(
          (yield* eventsOf(user.userId)).slice(-4).map((event) => {
            if (event._tag === "SessionRevoked") return [event._tag, event.sessionId, event.reason]
            return event._tag === "PushTokenRemoved" ? [event._tag, event.token, event.reason] : [event._tag]
          }),
          [
            ["UserDisabled"],
            ["SessionRevoked", user.sessionId, "disabled"],
            ["PushTokenRemoved", bound, "logged_out"],
            ["PushTokenRemoved", unbound, "admin"]
          ]
        )
        assert.deepStrictEqual(yield* auditOf(user.userId, "user.disabled"), [
          {
            action: "user.disabled",
            actor: staff.userId,
            details: {
              before: { isActive: true },
              after: { isActive: false },
              endedSessions: 1,
              reason: "Ticket 4711"
            }
          }
        ])
      })
    )

    it.effect("an enabled account logs in again, and its old session and the tokens of mails stay invalid", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const staff = yield* registerStaff("support")
        const user = yield* register
        assert.lengthOf(yield* sql`select 1 from one_time_tokens where user_id = ${user.userId}`, 1)
        yield* as(staff)(disable(user.userId))
        assert.deepStrictEqual(yield* as(staff)(enable(user.userId)), { isChanged: true })
        assert.deepStrictEqual(yield* sql`select 1 from one_time_tokens where user_id = ${user.userId}`, [])
        yield* Logins.use((logins) => logins.login({ email: user.email, password, deviceName: "" }))
        const { authenticate } = yield* Sessions
        assert.strictEqual(yield* tagOf(authenticate(Redacted.make(user.tokens.access))), "TokenInvalid")
        assert.isTrue((yield* eventsOf(user.userId)).some((event) => event._tag === "UserEnabled"))
        assert.deepStrictEqual(yield* auditOf(user.userId, "user.enabled"), [
          {
            action: "user.enabled",
            actor: staff.userId,
            details: { before: { isActive: false }, after: { isActive: true }, reason: "Ticket 4711" }
          }
        ])
      })
    )

    it.effect("each is idempotent: again it writes nothing", () =>
      Effect.gen(function* () {
        const staff = yield* registerStaff("support")
        const { userId } = yield* register
        assert.deepStrictEqual(yield* as(staff)(enable(userId)), { isChanged: false })
        yield* as(staff)(disable(userId))
        assert.deepStrictEqual(yield* as(staff)(disable(userId)), { isChanged: false })
        assert.lengthOf(yield* auditOf(userId, "user.disabled"), 1)
        assert.lengthOf(yield* auditOf(userId, "user.enabled"), 0)
        assert.lengthOf(
          (yield* eventsOf(userId)).filter((event) => event._tag === "UserDisabled"),
          1
        )
      })
    )

    it.effect("nobody disables themself, a member of staff without the role, or somebody unknown", () =>
      Effect.gen(function* () {
        const [admin, support, viewer] = [
          yield* registerStaff("admin"),
          yield* registerStaff("support"),
          yield* registerStaff("viewer")
        ]
        assert.strictEqual(yield* tagOf(as(admin)(disable(admin.userId))), "OwnAccountProtected")
        assert.strictEqual(yield* tagOf(as(support)(disable(viewer.userId))), "RoleTooLow")
        assert.strictEqual(yield* tagOf(as(support)(disable(admin.userId))), "RoleTooLow")
        assert.strictEqual(yield* tagOf(as(admin)(disable(UserId.make(randomUUID())))), "UserNotFound")
        // Not refused for its own sake: another admin remains.
        assert.deepStrictEqual(yield* as(admin)(disable(viewer.userId)), { isChanged: true })
      })
    )
  })
})
