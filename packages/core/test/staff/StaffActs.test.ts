import { assert, describe, it } from "@effect/vitest"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { EmailChangeRequests } from "@user-service/core/recovery/EmailChangeRequests"
import { StaffMails } from "@user-service/core/recovery/StaffMails"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { Suppressions } from "@user-service/core/staff/Suppressions"
import { DeviceToken } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { Duration, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { eventsOf, freshEmail, layer, noticesOf, register, tagOf } from "../TestCore.ts"
import { as, auditOf, registerStaff } from "./Staff.ts"

/** The types of the mails to the user, without that of the registration. Mails of one transaction have no order. */
const mailsOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const mails = yield* sql`select mail_type as type from mail_outbox where user_id = ${userId} order by mail_type`
  const types = mails.map(({ type }) => type)
  return types.toSpliced(types.indexOf("EmailVerificationMail"), 1)
})

describe("acts of staff", () => {
  it.layer(layer())((it) => {
    it.effect("one session of a user ends with the reason admin", () =>
      Effect.gen(function* () {
        const staff = yield* registerStaff("support")
        const { sessionId, tokens, userId } = yield* register
        const { authenticate, revoke } = yield* Sessions
        yield* as(staff)(revoke(userId, sessionId, "admin"))
        assert.strictEqual(yield* tagOf(authenticate(Redacted.make(tokens.access))), "TokenInvalid")
        const revoked = (yield* eventsOf(userId)).find((event) => event._tag === "SessionRevoked")
        assert.deepStrictEqual([revoked?.sessionId, revoked?.reason], [sessionId, "admin"])
        assert.deepStrictEqual(yield* auditOf(userId, "session.ended"), [
          {
            action: "session.ended",
            actor: staff.userId,
            details: {
              sessionId,
              before: { revokedReason: null },
              after: { revokedReason: "admin" },
              reason: "Ticket 4711"
            }
          }
        ])
        assert.strictEqual(yield* tagOf(as(staff)(revoke(userId, sessionId, "admin"))), "SessionNotFound")
      })
    )

    it.effect("all sessions of a user end with the reason admin, and no mail has the address of staff", () =>
      Effect.gen(function* () {
        const staff = yield* registerStaff("support")
        const { userId } = yield* register
        const { logoutAll } = yield* Sessions
        assert.strictEqual(yield* as(staff)(logoutAll(userId, "admin")), 1)
        assert.lengthOf(yield* auditOf(userId, "session.ended"), 1)
        assert.deepStrictEqual(yield* noticesOf(userId), [])
      })
    )

    it.effect("a push token is removed with the reason admin, and the audit log does not have its text", () =>
      Effect.gen(function* () {
        const staff = yield* registerStaff("support")
        const owner = yield* register
        const text = DeviceToken.make(randomUUID())
        const tokens = yield* PushTokens
        const { token } = yield* tokens.register(owner, { token: text, platform: "ios", tokenType: "fcm" })
        yield* as(staff)(tokens.remove(owner.userId, token.id, "admin"))
        const removed = (yield* eventsOf(owner.userId)).find((event) => event._tag === "PushTokenRemoved")
        assert.deepStrictEqual([removed?.token, removed?.reason], [text, "admin"])
        assert.deepStrictEqual(yield* auditOf(owner.userId, "push_token.deleted"), [
          {
            action: "push_token.deleted",
            actor: staff.userId,
            details: {
              tokenId: token.id,
              before: { platform: "ios", tokenType: "fcm", isActive: true },
              after: null,
              reason: "Ticket 4711"
            }
          }
        ])
      })
    )

    it.effect("preferences changed by staff name them in the history, with both sides in the audit log", () =>
      Effect.gen(function* () {
        const staff = yield* registerStaff("support")
        const { userId } = yield* register
        const preferences = yield* Preferences
        const author = { source: "admin", actor: staff.userId } as const
        const patch = { emailMarketing: false, frequencyLimit: 50, pushMarketing: true }
        yield* as(staff)(preferences.update({ userId, patch, author }))
        const { items } = yield* preferences.history(userId, { page: 1, limit: 10 })
        assert.deepStrictEqual(
          items.map(({ actor, changes, source }) => ({ actor, changes, source })),
          [
            {
              source: "admin",
              actor: staff.userId,
              changes: { emailMarketing: [true, false], pushMarketing: [false, true] }
            }
          ]
        )
        assert.deepStrictEqual(yield* auditOf(userId, "preferences.updated"), [
          {
            action: "preferences.updated",
            actor: staff.userId,
            details: {
              version: 2,
              source: "admin",
              before: { emailMarketing: true, pushMarketing: false },
              after: { emailMarketing: false, pushMarketing: true },
              reason: "Ticket 4711"
            }
          }
        ])
      })
    )

    it.effect("a suppression is lifted once", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const staff = yield* registerStaff("support")
        const { email, userId } = yield* register
        const createdAt = "2026-11-24T10:02:00.000Z"
        yield* sql`
          insert into suppressions (user_id, email, reason, created_at)
          values (${userId}, ${email}, 'complaint', ${createdAt}::timestamptz)`
        const lift = as(staff)(Suppressions.use((suppressions) => suppressions.lift(userId)))
        assert.strictEqual(yield* lift, 1)
        assert.strictEqual(yield* lift, 0)
        assert.deepStrictEqual(yield* sql`select 1 from suppressions where user_id = ${userId}`, [])
        assert.deepStrictEqual(yield* auditOf(userId, "suppression.lifted"), [
          {
            action: "suppression.lifted",
            actor: staff.userId,
            details: {
              before: { suppressions: [{ reason: "complaint", createdAt }] },
              after: { suppressions: [] },
              reason: "Ticket 4711"
            }
          }
        ])
      })
    )

    it.effect("support lifts no suppression of a member of staff", () =>
      Effect.gen(function* () {
        const [support, viewer] = [yield* registerStaff("support"), yield* registerStaff("viewer")]
        const lift = Suppressions.use((suppressions) => suppressions.lift(viewer.userId))
        assert.strictEqual(yield* tagOf(as(support)(lift)), "RoleTooLow")
      })
    )

    it.effect("a verified address and a disabled account get no mail, and the act says so", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const staff = yield* registerStaff("support")
        const { resetPassword, verifyEmail } = yield* StaffMails
        const { userId } = yield* register
        yield* sql`update users set is_verified = true where id = ${userId}`
        assert.isFalse(yield* as(staff)(verifyEmail(userId)))
        assert.isTrue(yield* as(staff)(resetPassword(userId)))
        yield* sql`update users set is_active = false where id = ${userId}`
        assert.isFalse(yield* as(staff)(resetPassword(userId)))
        assert.deepStrictEqual(yield* mailsOf(userId), ["PasswordResetMail"])
        const [entry] = yield* auditOf(userId, "user.password_reset_requested")
        assert.strictEqual(entry?.actor, staff.userId)
      })
    )
  })

  const twice = Option.some({ name: "mail", limit: 2, window: Duration.hours(1) })
  it.layer(layer({ limits: { verifyEmail: twice, passwordReset: twice } }))((it) => {
    it.effect("mails of staff to a user are limited together, and the limit is told", () =>
      Effect.gen(function* () {
        const staff = yield* registerStaff("support")
        const { resetPassword, verifyEmail } = yield* StaffMails
        const [{ userId }, other] = [yield* register, yield* register]
        assert.isTrue(yield* as(staff)(verifyEmail(userId)))
        assert.isTrue(yield* as(staff)(resetPassword(userId)))
        assert.strictEqual(yield* tagOf(as(staff)(resetPassword(userId))), "RateLimited")
        assert.strictEqual(yield* tagOf(as(staff)(verifyEmail(userId))), "RateLimited")
        assert.deepStrictEqual(yield* mailsOf(userId), ["EmailVerificationMail", "PasswordResetMail"])
        assert.isTrue(yield* as(staff)(verifyEmail(other.userId)))
      })
    )

    it.effect("acts that support may not do leave the mails of the user to administrators", () =>
      Effect.gen(function* () {
        const [support, admin, { userId }] = [
          yield* registerStaff("support"),
          yield* registerStaff("admin"),
          yield* registerStaff("viewer")
        ]
        const { resetPassword } = yield* StaffMails
        const { requestByStaff } = yield* EmailChangeRequests
        const newEmail = freshEmail()
        for (let attempt = 0; attempt < 10; attempt++) {
          assert.strictEqual(yield* tagOf(as(support)(resetPassword(userId))), "RoleTooLow")
          assert.strictEqual(yield* tagOf(as(support)(requestByStaff(userId, newEmail))), "RoleTooLow")
        }
        assert.isTrue(yield* as(admin)(resetPassword(userId)))
        yield* as(admin)(requestByStaff(userId, newEmail))
        assert.deepStrictEqual(yield* mailsOf(userId), [
          "EmailChangeMail",
          "EmailChangeRequestedMail",
          "PasswordResetMail"
        ])
      })
    )
  })
})
