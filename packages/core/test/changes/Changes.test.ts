import { assert, describe, it } from "@effect/vitest"
import { CurrentActor } from "@user-service/core/Actor"
import { Changes } from "@user-service/core/changes/Changes"
import { CurrentOrigin } from "@user-service/core/Origin"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { EmailChangedMail } from "@user-service/domain/Mail"
import { Language } from "@user-service/domain/Profile"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { Effect, References, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { registerStaff } from "../staff/Staff.ts"
import { layer, register, tagOf } from "../TestCore.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const client = Tracer.externalSpan({ traceId, spanId: "b7ad6b7169203331", sampled: true })

/** What the outbox says the last event of a change came from. */
const changedUnder = (traced: boolean) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { userId } = yield* register
    yield* (yield* Preferences)
      .update({ userId, patch: { frequencyLimit: 7 } })
      .pipe(Effect.withParentSpan(client), Effect.provideService(References.TracerEnabled, traced))
    const [event] = yield* sql`select traceparent from outbox where user_id = ${userId} order by position desc limit 1`
    return event?.["traceparent"]
  })

describe("Changes", () => {
  it.layer(layer())((it) => {
    it.effect("an event continues the trace of its change", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* changedUnder(false), `00-${traceId}-b7ad6b7169203331-01`)
        const own = String(yield* changedUnder(true))
        assert.match(own, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
        assert.notInclude(own, "b7ad6b7169203331")
      })
    )

    it.effect("a change to a user who does not exist writes nothing", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const changes = yield* Changes
        const { userId } = yield* register
        const nobody = UserId.make("01890a5d-ac96-774b-bcce-b302099a8057")
        const rename = sql`update users set username = ${randomUUID()} where id = ${userId}`
        for (const end of [Effect.succeed({ result: "done", events: [], audit: [] }), Effect.fail("no")]) {
          const error = yield* Effect.flip(changes.change(nobody, Effect.andThen(rename, end)))
          assert.instanceOf(error, UserNotFound)
        }
        const [user] = yield* sql`select username from users where id = ${userId}`
        assert.notMatch(String(user?.["username"]), /^[0-9a-f-]{36}$/)
      })
    )

    it.effect("a mail is written with its change, and as a delivery of category security", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const changes = yield* Changes
        const { email, userId } = yield* register
        const mail = new EmailChangedMail({ userId, email, language: Language.make("en") })
        yield* changes.change(userId, Effect.succeed({ result: undefined, events: [], audit: [], mails: [mail] }))
        const written = yield* sql`
          select m.mail_type, m.payload->>'email' as email, d.channel, d.category, d.status,
            m.next_attempt_at < m.expires_at as waits
          from mail_outbox m join deliveries d on d.notification_id = m.id::text and d.user_id = m.user_id
          where m.user_id = ${userId} and m.mail_type = 'EmailChangedMail'`
        assert.deepStrictEqual(written, [
          {
            mail_type: "EmailChangedMail",
            email,
            channel: "email",
            category: "security",
            status: "pending",
            waits: true
          }
        ])
      })
    )

    it.effect("a single-statement change writes the version, the event and the audit entry, or nothing", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const preferences = yield* Preferences
        const { userId } = yield* register
        const origin = { ip: "203.0.113.7", network: "203.0.113.7", userAgent: "a browser" }
        const trace = sql`
          select u.version::int, e.user_version::int as told, e.event_type as event, a.action, a.actor_id as actor,
            a.ip, a.user_agent as agent, a.details, e.id as "eventId", a.id as "auditId"
          from users u
          left join outbox e on e.user_id = u.id and e.user_version > 1
          left join audit_log a on a.user_id = u.id and a.action = 'preferences.updated'
          where u.id = ${userId}`
        const update = (expected: ReadonlyArray<number>) =>
          Effect.provideService(
            preferences.update({ userId, patch: { frequencyLimit: 7 }, expected }),
            CurrentOrigin,
            origin
          )

        assert.strictEqual(yield* tagOf(update([7])), "PreferencesVersionMismatch")
        assert.deepInclude((yield* trace)[0], { version: 1, told: null, action: null })
        yield* update([7, 1])
        const [{ eventId, auditId, ...row } = {}, ...more] = yield* trace
        assert.deepStrictEqual(more, [])
        assert.deepStrictEqual(row, {
          version: 2,
          told: 2,
          event: "PreferencesUpdated",
          action: "preferences.updated",
          actor: userId,
          ip: origin.ip,
          agent: origin.userAgent,
          details: { version: 2, source: "user" }
        })
        for (const id of [eventId, auditId]) {
          assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
          const millis = Number.parseInt(String(id).replaceAll("-", "").slice(0, 12), 16)
          assert.closeTo(millis, Date.now(), 60_000)
        }
      })
    )

    it.effect("the audit entries of changes by staff name the member of staff and the reason", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { userId } = yield* register
        const { userId: staffId } = yield* registerStaff("support")
        const asStaff = Effect.provideService(CurrentActor, { userId: staffId, reason: "Ticket 4711" })
        const audit = [{ userId, action: "user.noted", details: { kind: "call" } }]
        yield* asStaff((yield* Changes).change(userId, Effect.succeed({ result: undefined, events: [], audit })))
        yield* asStaff((yield* Preferences).update({ userId, patch: { frequencyLimit: 7 } }))
        const entries = yield* sql`
          select action, actor_id as actor, details->>'reason' as reason, details->>'kind' as kind from audit_log
          where user_id = ${userId} and action in ('user.noted', 'preferences.updated') order by action desc`
        assert.deepStrictEqual(entries, [
          { action: "user.noted", actor: staffId, reason: "Ticket 4711", kind: "call" },
          { action: "preferences.updated", actor: staffId, reason: "Ticket 4711", kind: null }
        ])
      })
    )

    it.effect("a single-statement change to a user who does not exist writes nothing", () =>
      Effect.gen(function* () {
        const preferences = yield* Preferences
        const nobody = UserId.make("01890a5d-ac96-774b-bcce-b302099a8057")
        assert.strictEqual(
          yield* tagOf(preferences.update({ userId: nobody, patch: { frequencyLimit: 7 } })),
          "UserNotFound"
        )
        const onlyOneEnd = preferences.update({ userId: nobody, patch: { doNotDisturbStart: null } })
        assert.strictEqual(yield* tagOf(onlyOneEnd), "UserNotFound")
      })
    )
  })
})
