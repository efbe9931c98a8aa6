import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertFailure } from "../Answers.ts"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { staff } from "./Staff.ts"

const userPath = (id: string, rest = "") => `/api/v1/admin/users/${id}/${rest}`
const reason = "Ticket 4711"
const minute = 60_000
const day = 24 * 60 * minute
const serviceKey = "a-key-of-a-service-0123456789abcdefghijkl"

const resolve = Effect.fnUntraced(function* (delivery: Readonly<Record<string, unknown>>) {
  const { send } = yield* TestApi
  const answer = yield* send("POST", "/internal/v1/deliveries/resolve", {
    headers: { "x-api-key": serviceKey },
    body: { deliveries: [delivery] }
  })
  assert.strictEqual(answer.body.data[0].decision, "allow")
})

/** The audit entries of acts of this member of staff. */
const actsOf = Effect.fnUntraced(function* (actor: string) {
  const { sql } = yield* TestApi
  return yield* sql`
    select action, user_id as "user", details from audit_log where actor_id = ${actor} and actor_id <> user_id
    order by created_at, id`
})

describe("users as staff see them", () => {
  it.layer(layerEmbedded({ SERVICE_API_KEYS: `gateway:${serviceKey}` }))((it) => {
    it.effect("are shown with sessions, push tokens, the origin of settings, and no secrets", () =>
      Effect.gen(function* () {
        const { login, person, send } = yield* TestApi
        const viewer = yield* staff("viewer")
        const user = yield* person({ push_token: "a-secret-device-token" })
        yield* login(user, "Second phone")
        yield* send("PATCH", "/api/v1/users/preferences/", { token: user.access, body: { email_marketing: false } })
        yield* send("POST", "/api/v1/users/login/", { body: { email: user.email, password: "wrong" } })
        const { body, status, text } = yield* send("GET", userPath(user.id), { token: viewer.access })
        assert.strictEqual(status, 200)
        const { data } = body
        assert.strictEqual(data.user.email, user.email)
        assert.isNull(data.role)
        assert.strictEqual(data.sessions.length, 2)
        assert.strictEqual(data.sessions[0].device_name, "Second phone")
        assert.deepStrictEqual(
          data.push_tokens.map(({ platform }: { platform: string }) => platform),
          ["web"]
        )
        assert.strictEqual(data.failed_logins, 1)
        assert.deepStrictEqual(data.limits[0], { name: "failed_logins", used: 1, limit: 100, resets_at: null })
        assert.deepStrictEqual(
          data.setting_origins.map(({ actor, setting, source }: Record<string, unknown>) => ({
            actor,
            setting,
            source
          })),
          [{ actor: user.id, setting: "email_marketing", source: "user" }]
        )
        assert.isAtLeast(data.waiting_events.count, 1)
        for (const secret of ["a-secret-device-token", "password_hash", "$2b$"]) assert.notInclude(text, secret)
      })
    )

    it.effect("are shown with the limits that are in force, and until when", () =>
      Effect.gen(function* () {
        const { clock, person, send, sql } = yield* TestApi
        const viewer = yield* staff("viewer")
        const user = yield* person()
        const now = clock.currentTimeMillisUnsafe()
        const later = new Date(now + 40 * minute)
        const attempt = send("POST", "/api/v1/users/login/", { body: { email: user.email, password: "wrong" } })
        const limits = Effect.map(
          send("GET", userPath(user.id), { token: viewer.access }),
          ({ body }) => body.data.limits
        )
        yield* attempt
        yield* sql`update failed_logins set failures = 100, next_try_at = ${later}`
        yield* sql`update notification_preferences set frequency_limit = 1 where user_id = ${user.id}`
        yield* resolve({ notification_id: randomUUID(), user_id: user.id, channel: "email", category: "transactional" })
        const [logins, quota] = yield* limits
        const resetsAt = later.toISOString()
        assert.deepStrictEqual(logins, { name: "failed_logins", used: 100, limit: 100, resets_at: resetsAt })
        const midnight = new Date((Math.floor(now / day) + 1) * day).toISOString()
        assert.deepStrictEqual(quota, { name: "daily_quota", used: 1, limit: 1, resets_at: midnight })
        yield* sql`update failed_logins set next_try_at = ${new Date(now)}`
        assert.isNull((yield* limits)[0].resets_at)
        yield* sql`update failed_logins set last_failed_at = ${new Date(now - 30 * day)}`
        assert.strictEqual((yield* limits)[0].used, 0)
      })
    )

    it.effect("are shown with their newest audit entries, as the audit log has them", () =>
      Effect.gen(function* () {
        const { login, person, send } = yield* TestApi
        const viewer = yield* staff("viewer")
        const user = yield* person()
        yield* person()
        for (let count = 0; count < 11; count++) yield* login(user, `Phone ${count}`)
        const { body } = yield* send("GET", userPath(user.id), { token: viewer.access })
        const log = yield* send("GET", `/api/v1/admin/audit/?user_id=${user.id}&limit=10`, { token: viewer.access })
        assert.lengthOf(body.data.audit, 10)
        assert.deepStrictEqual(body.data.audit, log.body.data)
      })
    )

    it.effect("are unknown by malformed and absent ids alike", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access } = yield* staff("viewer")
        const absent = yield* send("GET", userPath(absentId), { token: access })
        assert.strictEqual(absent.status, 404)
        const malformed = yield* send("GET", userPath("nobody"), { token: access })
        assert.deepStrictEqual(malformed.body, absent.body)
      })
    )

    it.effect("are changed with a reason, which the audit log keeps with the values before and after", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const member = yield* staff("support")
        const user = yield* person({ first_name: "Ada", phone_number: "+44 20" })
        const change = (body: object) => send("PATCH", userPath(user.id), { token: member.access, body })
        const missing = yield* change({ phone_number: null })
        assert.deepStrictEqual(missing.body.data, { reason: ["This field is required."] })
        const short = yield* change({ phone_number: null, reason: "  x " })
        assert.deepStrictEqual(short.body.data, { reason: ["Enter a reason of 3 to 500 characters."] })
        const changed = yield* change({ phone_number: null, first_name: "Augusta", reason: `  ${reason} ` })
        assert.strictEqual(changed.status, 200)
        assert.strictEqual(changed.body.data.profile.first_name, "Augusta")
        assert.deepStrictEqual(yield* actsOf(member.id), [
          {
            action: "profile.updated",
            user: user.id,
            details: {
              before: { phoneNumber: "+44 20", firstName: "Ada" },
              after: { phoneNumber: null, firstName: "Augusta" },
              reason
            }
          }
        ])
      })
    )

    it.effect("have preferences whose history names the member of staff", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const member = yield* staff("support")
        const user = yield* person()
        const body = { push_marketing: true, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00", reason }
        const changed = yield* send("PATCH", userPath(user.id, "preferences/"), { token: member.access, body })
        assert.strictEqual(changed.status, 200)
        assert.isTrue(changed.body.data.push_marketing)
        const { body: history } = yield* send("GET", "/api/v1/users/preferences/history/", { token: user.access })
        assert.strictEqual(history.data[0].source, "admin")
        assert.strictEqual(history.data[0].actor, member.id)
        const [act] = yield* actsOf(member.id)
        assert.strictEqual(act?.["action"], "preferences.updated")
      })
    )

    it.effect("with a role are changed by admins only", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const support = yield* staff("support")
        const admin = yield* staff("admin")
        const viewer = yield* staff("viewer")
        const change = (token: string) =>
          send("PATCH", userPath(viewer.id), { token, body: { first_name: "Grace", reason } })
        const refused = yield* change(support.access)
        assert.deepStrictEqual([refused.status, refused.body.code], [403, "forbidden"])
        assert.strictEqual((yield* change(admin.access)).status, 200)
      })
    )

    it.effect("get a role and a name together, or neither", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        const admin = yield* staff("admin")
        const user = yield* person({ first_name: "Ada" })
        const update = (fields: object) =>
          send("PATCH", userPath(user.id), { token: admin.access, body: { ...fields, reason } })
        const stored = sql`
          select role, first_name as name, u.version::int as version from users u join profiles p on p.user_id = u.id
          where u.id = ${user.id}`
        const before = yield* stored
        yield* sql`alter table profiles add constraint refusal check (first_name <> 'Refused')`
        assert.strictEqual((yield* update({ role: "support", first_name: "Refused" })).status, 500)
        assert.deepStrictEqual(yield* stored, before)
        assert.deepStrictEqual(yield* actsOf(admin.id), [])
        yield* sql`alter table profiles drop constraint refusal`
        const both = yield* update({ role: "support", first_name: "Augusta" })
        assert.deepStrictEqual([both.status, both.body.data.profile.first_name], [200, "Augusta"])
        const acts = yield* actsOf(admin.id)
        // Entries of one transaction have no order.
        assert.sameMembers(
          acts.map(({ action }) => action),
          ["user.role_changed", "profile.updated"]
        )
        assert.strictEqual((yield* update({ role: null })).body.data.profile.first_name, "Augusta")
        assert.deepStrictEqual((yield* stored)[0]?.["role"], null)
      })
    )

    it.effect("are erased by admins who repeat the address, but never themselves", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        const admin = yield* staff("admin")
        const user = yield* person()
        const erase = (id: string, confirm: string) =>
          send("DELETE", userPath(id), { token: admin.access, body: { confirm, reason } })
        const mistaken = yield* erase(user.id, "somebody@example.com")
        assert.deepStrictEqual(mistaken.body.data, { confirm: ["This is not the e-mail address of the user."] })
        const own = yield* erase(admin.id, admin.email)
        assert.strictEqual(own.status, 403)
        assert.strictEqual((yield* erase(user.id, user.email.toUpperCase())).status, 204)
        assert.strictEqual((yield* erase(user.id, user.email)).status, 404)
        assert.deepStrictEqual(yield* sql`select id from users where id = ${user.id}`, [])
        assert.deepStrictEqual(yield* actsOf(admin.id), [{ action: "user.erased", user: user.id, details: { reason } }])
      })
    )

    it.effect("erase their own accounts like everybody, but not the last administrator", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        yield* Effect.orDie(sql`update users set role = null where role = 'admin'`)
        const admins = [yield* staff("admin"), yield* staff("admin")]
        const erase = ({ access, password }: (typeof admins)[number]) =>
          send("DELETE", "/api/v1/users/profile/", { token: access, body: { password } })
        const answers = yield* Effect.forEach(admins, erase, { concurrency: "unbounded" })
        assert.sameMembers(
          answers.map(({ status }) => status),
          [204, 409]
        )
        const last = admins[answers.findIndex(({ status }) => status === 409)]
        if (last === undefined) return assert.fail()
        const refused = yield* erase(last)
        assertFailure(refused, 409, "conflict", "This is the last administrator")
        yield* staff("admin")
        assert.strictEqual((yield* erase(last)).status, 204)
      })
    )
  })
})
