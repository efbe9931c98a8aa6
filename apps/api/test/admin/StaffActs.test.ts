import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { absentId } from "../edge/Routes.ts"
import { tokenOf } from "../recovery/Mails.ts"
import { freshEmail, goodPassword, layerEmbedded, type Person, TestApi } from "../TestApi.ts"
import { staff } from "./Staff.ts"

const reason = "Ticket 4711"
const users = "/api/v1/admin/users/"

/** A member of staff with the role support, and a function that acts on a user. */
const support = Effect.gen(function* () {
  const { send } = yield* TestApi
  const member = yield* staff("support")
  const act = (method: string, user: Pick<Person, "id">, path: string, fields: object = {}) =>
    send(method, `${users}${user.id}/${path}`, { token: member.access, body: { reason, ...fields } })
  return { act, member }
})

/** What the audit log has of the acts of staff on a user, without the reason. */
const valuesOf = Effect.fnUntraced(function* (userId: string) {
  const { sql } = yield* TestApi
  return yield* sql`
    select action, details - 'reason' as details from audit_log
    where user_id = ${userId} and actor_id <> user_id order by created_at, id`
})

/** The audit entries of a user that have an actor other than the user. */
const actsOn = Effect.fnUntraced(function* (userId: string) {
  const { sql } = yield* TestApi
  return yield* sql`
    select action, actor_id as actor, details->>'reason' as reason from audit_log
    where user_id = ${userId} and actor_id <> user_id order by created_at, id`
})

describe("acts of staff", () => {
  it.layer(layerEmbedded())((it) => {
    it.effect("disable an account, which ends its sessions and refuses its logins, and enable it again", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const { act, member } = yield* support
        const user = yield* person()
        const login = send("POST", "/api/v1/users/login/", { body: { email: user.email, password: goodPassword } })
        const disabled = yield* act("POST", user, "disable/")
        assert.deepStrictEqual([disabled.status, disabled.body.data.is_active], [200, false])
        assert.strictEqual((yield* send("GET", "/api/v1/users/profile/", { token: user.access })).status, 401)
        assert.strictEqual((yield* login).body.code, "invalid_credentials")
        const enabled = yield* act("POST", user, "enable/")
        assert.deepStrictEqual([enabled.status, enabled.body.data.is_active], [200, true])
        assert.strictEqual((yield* login).status, 200)
        assert.deepStrictEqual(yield* actsOn(user.id), [
          { action: "user.disabled", actor: member.id, reason },
          { action: "user.enabled", actor: member.id, reason }
        ])
      })
    )

    it.effect("end one session or all of them", () =>
      Effect.gen(function* () {
        const { login, person, send, sql } = yield* TestApi
        const { act } = yield* support
        const user = yield* person()
        const second = yield* login(user, "Second phone")
        const { body } = yield* send("GET", "/api/v1/users/sessions/", { token: user.access })
        const [{ id: secondId }] = body.data
        assert.strictEqual((yield* act("DELETE", user, `sessions/${secondId}/`)).status, 204)
        assert.strictEqual((yield* act("DELETE", user, `sessions/${secondId}/`)).status, 404)
        assert.strictEqual((yield* send("GET", "/api/v1/users/profile/", { token: second.access })).status, 401)
        const all = yield* act("POST", user, "end-sessions/")
        assert.deepStrictEqual(all.body.data, { revoked_count: 1 })
        assert.strictEqual((yield* send("GET", "/api/v1/users/profile/", { token: user.access })).status, 401)
        const ended = yield* sql`select distinct revoked_reason as reason from sessions where user_id = ${user.id}`
        assert.deepStrictEqual(ended, [{ reason: "admin" }])
        assert.strictEqual((yield* act("POST", { id: absentId }, "end-sessions/")).status, 404)
      })
    )

    it.effect("send mails to reset the password and to verify the address", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const { act } = yield* support
        const user = yield* person()
        assert.strictEqual((yield* act("POST", user, "password-reset/")).status, 202)
        const token = yield* tokenOf(user.id, "PasswordResetMail")
        const confirmed = yield* send("POST", "/api/v1/users/password-reset/confirm/", {
          body: { token, new_password: "another horse battery staple" }
        })
        assert.strictEqual(confirmed.status, 200)
        const other = yield* person()
        assert.strictEqual((yield* act("POST", other, "verify-email/")).status, 202)
        const verified = yield* send("POST", "/api/v1/users/verify-email/confirm/", {
          body: { token: yield* tokenOf(other.id, "EmailVerificationMail") }
        })
        assert.strictEqual(verified.status, 200)
        assert.deepStrictEqual(yield* valuesOf(user.id), [
          { action: "user.password_reset_requested", details: { before: null, after: { sentTo: user.email } } }
        ])
        assert.deepStrictEqual(yield* valuesOf(other.id), [
          { action: "user.email_verification_requested", details: { before: null, after: { sentTo: other.email } } }
        ])
      })
    )

    it.effect("start a change of address, which the new address confirms", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        const { act } = yield* support
        const user = yield* person()
        const newEmail = freshEmail()
        const invalid = yield* act("POST", user, "change-email/", { new_email: "no address" })
        assert.deepStrictEqual(Object.keys(invalid.body.data), ["new_email"])
        assert.strictEqual((yield* act("POST", user, "change-email/", { new_email: newEmail })).status, 202)
        const confirmed = yield* send("POST", "/api/v1/users/change-email/confirm/", {
          body: { token: yield* tokenOf(user.id, "EmailChangeMail") }
        })
        assert.strictEqual(confirmed.status, 200)
        assert.deepStrictEqual(yield* sql`select email, is_verified from users where id = ${user.id}`, [
          { email: newEmail, is_verified: true }
        ])
        // The session of the user did not ask for the change.
        assert.strictEqual((yield* send("GET", "/api/v1/users/profile/", { token: user.access })).status, 401)
        assert.strictEqual((yield* act("POST", { id: absentId }, "change-email/", { new_email: newEmail })).status, 404)
      })
    )

    it.effect("leave both addresses of a change in the audit log, but not an address that is taken", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        const { act } = yield* support
        const [user, other] = [yield* person(), yield* person()]
        const [action, before, newEmail] = ["user.email_change_requested", { email: user.email }, freshEmail()]
        yield* act("POST", user, "change-email/", { new_email: newEmail })
        yield* act("POST", user, "change-email/", { new_email: other.email })
        assert.deepStrictEqual(yield* valuesOf(user.id), [
          { action, details: { before, after: { email: newEmail } } },
          { action, details: { before, after: null } }
        ])
        const body = { new_email: newEmail, password: other.password }
        yield* send("POST", "/api/v1/users/change-email/", { token: other.access, body })
        const own = yield* sql`select details from audit_log where user_id = ${other.id} and action = ${action}`
        assert.deepStrictEqual(own, [{ details: {} }])
      })
    )

    it.effect("lift suppressions and delete push tokens", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        const { act } = yield* support
        const user = yield* person({ push_token: `device-${freshEmail()}` })
        yield* sql`
          insert into suppressions (user_id, email, reason, created_at)
          values (${user.id}, ${user.email}, 'hard_bounce', now())`
        assert.strictEqual((yield* act("DELETE", user, "suppressions/")).status, 204)
        assert.deepStrictEqual(yield* sql`select 1 from suppressions where user_id = ${user.id}`, [])
        const { body } = yield* send("GET", "/api/v1/users/push-tokens/", { token: user.access })
        const [{ id: tokenId }] = body.data
        assert.strictEqual((yield* act("DELETE", user, `push-tokens/${tokenId}/`)).status, 204)
        assert.strictEqual((yield* act("DELETE", user, `push-tokens/${tokenId}/`)).status, 404)
        const removals = yield* sql`
          select payload->>'reason' as reason from outbox where user_id = ${user.id} and event_type = 'PushTokenRemoved'`
        assert.deepStrictEqual(removals, [{ reason: "admin" }])
      })
    )

    it.effect("create a user, who sets a password by mail", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const admin = yield* staff("admin")
        const invite = (fields: object) => send("POST", users, { token: admin.access, body: { reason, ...fields } })
        const email = freshEmail()
        const created = yield* invite({ email, first_name: "Ada" })
        assert.strictEqual(created.status, 201)
        const { id, is_verified: isVerified, profile } = created.body.data
        assert.deepStrictEqual([isVerified, profile.first_name], [false, "Ada"])
        const taken = yield* invite({ email })
        assert.deepStrictEqual(Object.keys(taken.body.data), ["email"])
        const confirmed = yield* send("POST", "/api/v1/users/password-reset/confirm/", {
          body: { token: yield* tokenOf(id, "PasswordResetMail"), new_password: goodPassword }
        })
        assert.strictEqual(confirmed.status, 200)
        const loggedIn = yield* send("POST", "/api/v1/users/login/", { body: { email, password: goodPassword } })
        assert.strictEqual(loggedIn.status, 200)
        assert.isTrue(loggedIn.body.data.is_verified)
        const [entry] = yield* sql`
          select actor_id as actor, details->>'reason' as reason from audit_log
          where user_id = ${id} and action = 'user.invited'`
        assert.deepStrictEqual(entry, { actor: admin.id, reason })
      })
    )

    it.effect("give and take roles, but never one's own or that of the last administrator", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        yield* sql`update users set role = null`
        const admin = yield* staff("admin")
        const member = yield* staff("support")
        const user = yield* person()
        const setRole = (token: string, id: string, role: string | null) =>
          send("PATCH", `${users}${id}/`, { token, body: { reason, role } })
        assert.strictEqual((yield* setRole(member.access, user.id, "viewer")).body.code, "forbidden")
        assert.strictEqual((yield* setRole(admin.access, user.id, "viewer")).status, 200)
        assert.strictEqual(
          (yield* send("GET", "/api/v1/admin/session/", { token: user.access })).body.data.role,
          "viewer"
        )
        assert.strictEqual((yield* setRole(admin.access, user.id, null)).status, 200)
        assert.strictEqual((yield* send("GET", "/api/v1/admin/session/", { token: user.access })).status, 404)
        assert.strictEqual((yield* setRole(admin.access, admin.id, "viewer")).status, 403)
        assert.strictEqual((yield* setRole(admin.access, user.id, "king")).status, 422)
        assert.deepStrictEqual(
          (yield* actsOn(user.id)).map(({ action }) => action),
          ["user.role_changed", "user.role_changed"]
        )
      })
    )
  })
})
