import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { staff } from "./Staff.ts"

const admin = "/api/v1/admin/"
const reason = "Ticket 4711"

/** The id of the letter with this number. Later letters have greater ids. */
const idOf = (n: number) => `0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f${`${n}`.padStart(2, "0")}`

/** Stores this many letters, the first of which is cut. Odd ones have the reason `failed`, the others `too_large`. */
const storeLetters = Effect.fnUntraced(function* (count: number) {
  const { sql } = yield* TestApi
  yield* sql`delete from dead_letters`
  for (let n = 0; n < count; n++) {
    yield* sql`
      insert into dead_letters (id, digest, queue, reason, routing_key, message_id, headers, body, size, received_at)
      values (${idOf(n)}, sha256(convert_to(${idOf(n)}, 'UTF8')), 'statuses', ${n % 2 === 1 ? "failed" : "too_large"}, 'key', ${`m-${n}`},
        '{"x-secret": "header-secret"}', 'body-secret', ${n === 0 ? 100 : 11}, '2026-11-24T10:00:00Z')`
  }
})

const lettersLeft = Effect.gen(function* () {
  const { sql } = yield* TestApi
  return (yield* sql`select id from dead_letters order by id`).map(({ id }) => id)
})

/** The audit entries of this member of staff that are about no user. */
const actsOf = Effect.fnUntraced(function* (actor: string) {
  const { sql } = yield* TestApi
  return yield* sql`
    select action, details from audit_log where actor_id = ${actor} and user_id is null order by created_at, id`
})

const letterDetails = (n: number, replayRequestedAt: string | null = null) => ({
  id: idOf(n),
  queue: "statuses",
  size: 11,
  receivedAt: "2026-11-24T10:00:00.000Z",
  replayRequestedAt
})

describe("operations of staff", () => {
  it.layer(layerEmbedded())((it) => {
    it.effect("show the waiting events and dead letters, and since when they wait", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const viewer = yield* staff("viewer")
        yield* storeLetters(2)
        yield* sql`delete from outbox`
        yield* sql`delete from mail_outbox`
        const empty = yield* send("GET", `${admin}outbox/`, { token: viewer.access })
        assert.strictEqual(empty.status, 200)
        const none = { waiting: 0, oldest_at: null }
        const letters = { waiting: 2, oldest_at: "2026-11-24T10:00:00.000Z" }
        assert.deepStrictEqual(empty.body.data, {
          events: { ...none, set_aside: 0 },
          mails: none,
          password_resets: none,
          dead_letters: letters
        })
        yield* send("POST", "/api/v1/users/password-reset/", { body: { email: viewer.email } })
        yield* sql`
          insert into outbox (user_id, user_version, event_type, payload, created_at, set_aside_at)
          values (${viewer.id}, 1, 'Some', '{}', '2026-11-24T09:00:00Z', null),
            (${viewer.id}, 2, 'Some', '{}', '2026-11-24T09:01:00Z', null),
            (${viewer.id}, 3, 'Some', '{}', '2026-11-24T08:00:00Z', '2026-11-24T09:30:00Z')`
        const { body } = yield* send("GET", `${admin}outbox/`, { token: viewer.access })
        assert.deepStrictEqual(body.data.events, { waiting: 2, oldest_at: "2026-11-24T09:00:00.000Z", set_aside: 1 })
        assert.strictEqual(body.data.password_resets.waiting, 1)
        assert.match(body.data.password_resets.oldest_at, /^\d{4}-.*Z$/)
        yield* sql`delete from outbox`
      })
    )

    it.effect("show the activity over time, by default of the last hour", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const { access } = yield* staff("viewer")
        const read = (query = "") => send("GET", `${admin}activity/${query}`, { token: access })
        const { starts_at } = (yield* read("?range=week")).body.data
        yield* sql`
          insert into activity_minutes (minute, measure, value)
          select ${starts_at}::timestamptz + n * interval '1 minute', measure, value from (values
            (70, 'registrations', 3), (71, 'registrations', 4), (75, 'deliveries_bounced', 2), (75, 'outbox_lag_seconds', 9)
          ) as activity (n, measure, value)`
        const hour = yield* read()
        assert.deepStrictEqual([hour.status, hour.body.data.range, hour.body.data.step_seconds], [200, "hour", 60])
        assert.match(hour.body.data.starts_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z$/)
        assert.lengthOf(hour.body.data.mails_waiting, 60)
        const day = yield* read("?range=day")
        assert.deepStrictEqual([day.body.data.step_seconds, day.body.data.registrations.length], [900, 96])
        const { body } = yield* read("?range=week")
        assert.deepStrictEqual([body.data.step_seconds, body.data.registrations.length], [3600, 168])
        assert.deepStrictEqual(body.data.registrations.slice(0, 3), [null, 7, 0])
        assert.deepStrictEqual(body.data.deliveries.bounced.slice(0, 3), [null, 2, 0])
        assert.deepStrictEqual(body.data.outbox_lag_seconds.slice(0, 3), [null, 9, null])
        assert.sameMembers(Object.keys(body.data), [
          "range",
          "starts_at",
          "step_seconds",
          "registrations",
          "refused_logins",
          "deliveries",
          "outbox_lag_seconds",
          "events_waiting",
          "mails_waiting",
          "dead_letters_waiting"
        ])
        const refused = yield* read("?range=year")
        assert.deepStrictEqual([refused.status, Object.keys(refused.body.data)], [422, ["range"]])
      })
    )

    it.effect("list dead letters in pages, the oldest first, without bodies and headers", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access } = yield* staff("viewer")
        yield* storeLetters(5)
        const list = (query: string) => send("GET", `${admin}dead-letters/?${query}`, { token: access })
        const numbersIn = ({ body }: { body: { data: ReadonlyArray<{ id: string }> } }) =>
          body.data.map(({ id }) => Number(id.slice(-2)))
        const first = yield* list("limit=2")
        assert.strictEqual(first.status, 200)
        assert.deepStrictEqual(first.body.data[1], {
          id: idOf(1),
          queue: "statuses",
          reason: "failed",
          routing_key: "key",
          message_id: "m-1",
          size: 11,
          is_cut: false,
          received_at: "2026-11-24T10:00:00.000Z",
          replay_requested_at: null
        })
        assert.isTrue(first.body.data[0].is_cut)
        assert.notInclude(first.text, "secret")
        const second = yield* list(`limit=2&cursor=${first.body.meta.next_cursor}`)
        const third = yield* list(`limit=2&cursor=${second.body.meta.next_cursor}`)
        assert.deepStrictEqual([first, second, third].map(numbersIn), [[0, 1], [2, 3], [4]])
        assert.isNull(third.body.meta.next_cursor)
        const failed = yield* list("reason=failed&limit=1")
        assert.deepStrictEqual(numbersIn(failed), [1])
        const rest = yield* list(`reason=failed&limit=1&cursor=${failed.body.meta.next_cursor}`)
        assert.deepStrictEqual([numbersIn(rest), rest.body.meta.next_cursor], [[3], null])
        const problems = { cursor: ["Enter the next_cursor of a page of the same list."] }
        for (const cursor of ["x", failed.body.meta.next_cursor]) {
          const refused = yield* list(`cursor=${cursor}`)
          assert.deepStrictEqual([refused.status, refused.body.data], [422, problems])
        }
      })
    )

    it.effect("mark a dead letter for replay once, with a reason, which the audit log keeps", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const member = yield* staff("support")
        yield* storeLetters(2)
        const replay = (id: string, body: object = { reason }) =>
          send("POST", `${admin}dead-letters/${id}/replay/`, { token: member.access, body })
        const missing = yield* replay(idOf(1), {})
        assert.deepStrictEqual([missing.status, missing.body.data], [422, { reason: ["This field is required."] }])
        const requested = yield* replay(idOf(1).toUpperCase())
        assert.strictEqual(requested.status, 202)
        const at = requested.body.data.replay_requested_at
        assert.match(at, /^\d{4}-.*Z$/)
        const again = yield* replay(idOf(1), { reason: "Another reason" })
        assert.deepStrictEqual([again.status, again.body.data.replay_requested_at], [202, at])
        const { body } = yield* send("GET", `${admin}dead-letters/`, { token: member.access })
        assert.deepStrictEqual(
          body.data.map((letter: Record<string, unknown>) => letter["replay_requested_at"]),
          [null, at]
        )
        const cut = yield* replay(idOf(0))
        assert.deepStrictEqual([cut.status, cut.body.code], [409, "conflict"])
        assert.include(cut.body.error, "Only the beginning of this message is stored")
        for (const id of [absentId, "nothing"]) {
          const unknown = yield* replay(id)
          assert.deepStrictEqual([unknown.status, unknown.body.code], [404, "not_found"])
        }
        assert.deepStrictEqual(yield* actsOf(member.id), [
          {
            action: "dead_letter.replay_requested",
            details: { before: letterDetails(1), after: letterDetails(1, at), reason }
          }
        ])
      })
    )

    it.effect("discard a dead letter, also a cut one, and one that is marked for replay", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const member = yield* staff("support")
        yield* storeLetters(3)
        const act = (n: number, name: string) =>
          send("POST", `${admin}dead-letters/${idOf(n)}/${name}/`, { token: member.access, body: { reason } })
        assert.strictEqual((yield* act(2, "discard")).status, 204)
        assert.strictEqual((yield* act(2, "discard")).status, 404)
        assert.strictEqual((yield* act(2, "replay")).status, 404)
        assert.deepStrictEqual(yield* actsOf(member.id), [
          { action: "dead_letter.discarded", details: { before: letterDetails(2), after: null, reason } }
        ])
        assert.strictEqual((yield* act(1, "replay")).status, 202)
        assert.strictEqual((yield* act(1, "discard")).status, 204)
        assert.strictEqual((yield* act(0, "discard")).status, 204)
        assert.deepStrictEqual(yield* lettersLeft, [])
      })
    )

    it.effect("require the role support for changes, and the role admin for the end of all sessions", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        yield* storeLetters(2)
        const viewer = yield* staff("viewer")
        for (const act of ["replay", "discard"]) {
          const refused = yield* send("POST", `${admin}dead-letters/${idOf(1)}/${act}/`, {
            token: viewer.access,
            body: { reason }
          })
          assert.deepStrictEqual([refused.status, refused.body.code], [403, "forbidden"])
        }
        assert.lengthOf(yield* lettersLeft, 2)
        const support = yield* staff("support")
        const refused = yield* send("POST", `${admin}end-all-sessions/`, {
          token: support.access,
          body: { reason, confirm: "all users" }
        })
        assert.strictEqual(refused.status, 403)
        assert.strictEqual((yield* send("GET", `${admin}outbox/`, { token: support.access })).status, 200)
      })
    )

    it.effect("end all sessions, of users and of the member of staff, after a confirmation", () =>
      Effect.gen(function* () {
        const { login, person, send } = yield* TestApi
        const member = yield* staff("admin")
        const user = yield* person()
        const end = (confirm?: string) =>
          send("POST", `${admin}end-all-sessions/`, { token: member.access, body: { reason, confirm } })
        const profile = (token: string) =>
          Effect.map(send("GET", "/api/v1/users/profile/", { token }), ({ status }) => status)
        const missing = yield* end()
        assert.deepStrictEqual([missing.status, missing.body.data], [422, { confirm: ["This field is required."] }])
        for (const confirm of ["", "All users", "all users "]) {
          const refused = yield* end(confirm)
          assert.deepStrictEqual([refused.status, refused.body.data], [422, { confirm: [`Enter "all users".`] }])
        }
        assert.strictEqual(yield* profile(user.access), 200)
        const ended = yield* end("all users")
        assert.strictEqual(ended.status, 200)
        assert.match(ended.body.data.not_before, /^\d{4}-.*Z$/)
        assert.deepStrictEqual(yield* Effect.forEach([user.access, member.access], profile), [401, 401])
        assert.strictEqual((yield* end("all users")).status, 401)
        const refreshed = yield* send("POST", "/api/v1/users/token/refresh/", { body: { refresh: user.refresh } })
        assert.strictEqual(refreshed.status, 401)
        const [act, ...others] = yield* actsOf(member.id)
        assert.lengthOf(others, 0)
        assert.strictEqual(act?.["action"], "session.all_ended")
        assert.deepInclude(act?.["details"], { after: { notBefore: ended.body.data.not_before }, reason })
        assert.strictEqual(yield* profile((yield* login(user)).access), 200)
      })
    )
  })
})
