import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertFailure, assertUnauthenticated, successData, time } from "../Answers.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/export/"
const message = "Account exported successfully"

const exportOf = ({ access }: Pick<Person, "access">) =>
  Effect.map(
    Effect.flatMap(TestApi, ({ send }) => send("GET", path, { token: access })),
    (answer) => successData(answer, 200, message)
  )

/** Stores this many deliveries of the user, each with an error of this many characters. */
const deliver = ({ id }: Pick<Person, "id">, count: number, errorLength = 10) =>
  Effect.flatMap(
    TestApi,
    ({ sql }) => sql`
      insert into deliveries (id, notification_id, place, user_id, channel, category, status, error, created_at, updated_at)
      select gen_random_uuid(), ${id} || '-' || n, 0, ${id}::uuid, 'email', 'system', 'failed', repeat('x', ${errorLength}),
        at, at
      from generate_series(1, ${count}::int) n,
        -- Ten deliveries of each time, within the millisecond that a Date can tell apart.
        lateral (select now() - (n / 10) * interval '17 microseconds' as at) as times`
  )

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("an export", () => {
    it.effect("has all that is stored of the user, and no secret", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person, "Another phone")
        const token = randomUUID()
        const users = "/api/v1/users"
        yield* api.send("POST", `${users}/push-tokens/`, { token: person.access, body: { token, platform: "web" } })
        yield* api.send("PATCH", `${users}/preferences/`, {
          token: person.access,
          body: { email_marketing: false, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00" }
        })
        yield* api.send("POST", `${users}/logout/`, { token: other.access })
        yield* deliver(person, 1)
        yield* api.sql`
          insert into suppressions (user_id, email, reason, created_at)
          values (${person.id}, ${person.email}, 'hard_bounce', now())`
        const answer = yield* api.send("GET", path, { token: person.access })
        const data = successData(answer, 200, message)
        assert.deepStrictEqual(Object.keys(data), [
          "exported_at",
          "user",
          "preferences_history",
          "sessions",
          "push_tokens",
          "deliveries",
          "delivery_decisions",
          "suppressions",
          "security_log"
        ])
        assert.match(data.exported_at, time)
        const profile = yield* api.send("GET", `${users}/profile/`, { token: person.access })
        assert.deepStrictEqual(data.user, profile.body.data)
        const [change] = data.preferences_history
        assert.deepStrictEqual(data.preferences_history, [
          {
            at: change.at,
            source: "user",
            actor: person.id,
            version: 2,
            changes: {
              email_marketing: [true, false],
              do_not_disturb_start: [null, "22:00:00"],
              do_not_disturb_end: [null, "07:00:00"]
            }
          }
        ])
        assert.deepStrictEqual(
          data.sessions.map((session: Record<string, unknown>) => [
            session["device_name"],
            session["current"],
            session["revoked_reason"],
            session["revoked_at"] !== null
          ]),
          [
            ["Another phone", false, "logout", true],
            ["", true, null, false]
          ]
        )
        const tokens = yield* api.send("GET", `${users}/push-tokens/`, { token: person.access })
        assert.deepStrictEqual(data.push_tokens, tokens.body.data)
        const deliveries = yield* api.send("GET", `${users}/notifications/`, { token: person.access })
        // The mail to verify the address, and the other one.
        assert.lengthOf(data.deliveries, 2)
        assert.deepStrictEqual(data.deliveries, deliveries.body.data)
        assert.deepInclude(data.suppressions[0], { email: person.email, reason: "hard_bounce" })
        const actions = data.security_log.map(({ action }: { readonly action: string }) => action)
        assert.includeMembers(actions, ["user.registered", "user.logged_in", "preferences.updated"])
        assert.strictEqual(actions[0], "user.exported")
        assert.strictEqual(data.security_log[0].ip, "127.0.0.1")
        assert.isString(data.security_log[0].user_agent)

        const [stored] = yield* api.sql`
          select password_hash as hash, encode(token_sha256, 'hex') as digest
          from users join push_tokens on user_id = users.id where users.id = ${person.id}`
        for (const secret of [
          person.password,
          person.access,
          person.refresh,
          token,
          stored?.["hash"],
          stored?.["digest"]
        ]) {
          assert.isNotEmpty(secret)
          assert.notInclude(answer.text, String(secret))
        }
        assert.notMatch(answer.text, /hash|sha256/)
        assert.strictEqual(answer.headers.get("content-disposition"), `attachment; filename="account.json"`)
        assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      })
    )

    it.effect("of a new user has nothing but their registration", () =>
      Effect.gen(function* () {
        const data = yield* exportOf(yield* (yield* TestApi).person())
        const { deliveries, delivery_decisions, preferences_history, push_tokens, sessions, suppressions } = data
        assert.deepStrictEqual([preferences_history, push_tokens, suppressions, delivery_decisions], [[], [], [], []])
        // The mail to verify the address.
        assert.lengthOf(deliveries, 1)
        assert.lengthOf(sessions, 1)
      })
    )

    it.effect("has each decision on the user's deliveries once", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, stranger] = [yield* api.person(), yield* api.person()]
        const at = "2026-11-24T10:02:00.000Z"
        for (const [{ id }, count] of [[person, 1300] as const, [stranger, 10] as const]) {
          yield* api.sql`
            insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, decided_at, send_at,
              utc_offset, preferences_version, frequency_limit, charged_count)
            select 'news-' || n, ${id}::uuid, channel, 'marketing', 'deny', 'category_disabled', ${at}::timestamptz,
              ${at}::timestamptz, 60, 7, 50, null
            from generate_series(1, ${count}::int / 2) n, unnest(array['email', 'push']) as channel`
        }
        const { delivery_decisions: decisions } = yield* exportOf(person)
        const keys = decisions.map(
          (entry: Record<string, unknown>) => `${entry["notification_id"]} ${entry["channel"]}`
        )
        assert.deepStrictEqual([keys.length, new Set(keys).size], [1300, 1300])
        assert.deepStrictEqual(decisions[0], {
          notification_id: "news-1",
          channel: "email",
          category: "marketing",
          decision: "deny",
          rule: "category_disabled",
          until: null,
          decided_at: at,
          at,
          utc_offset: 60,
          preferences_version: 7,
          frequency_limit: 50,
          charged_count: null
        })
      })
    )

    it.effect("has every row of a long list once, also where times differ by less than a Date can tell", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, stranger] = [yield* api.person(), yield* api.person()]
        yield* deliver(person, 2300)
        yield* deliver(stranger, 10)
        for (const count of [2300, 1500]) {
          // The second count fills its last page.
          yield* api.sql`
            delete from deliveries where id in (
              select id from deliveries where user_id = ${person.id} order by id offset ${count})`
          const { deliveries } = yield* exportOf(person)
          const stored = yield* api.sql`
            select id from deliveries where user_id = ${person.id} order by created_at desc, id desc`
          assert.deepStrictEqual(
            deliveries.map(({ id }: { readonly id: string }) => id),
            stored.map((row) => row["id"])
          )
          assert.lengthOf(deliveries, count)
        }
      })
    )

    it.effect("shows no address of a person other than the user", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, staff] = [yield* api.person(), yield* api.person()]
        yield* api.sql`
          insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
          values (${person.id}, ${staff.id}, 'account.disabled', '192.0.2.77', 'their browser', '{"reason":"asked"}', now())`
        const { security_log: log } = yield* exportOf(person)
        const entry = log.find(({ action }: { readonly action: string }) => action === "account.disabled")
        assert.deepStrictEqual(entry, {
          action: "account.disabled",
          at: entry.at,
          ip: null,
          user_agent: null,
          details: { reason: "asked" }
        })
      })
    )

    it.effect("is for who is logged in, at one method", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        assertUnauthenticated(yield* send("GET", path))
        const { access } = yield* person()
        const answer = yield* send("POST", path, { token: access, body: {} })
        assertFailure(answer, 405, "method_not_allowed", "Method POST is not allowed here")
        assert.strictEqual((yield* send("GET", path.slice(0, -1), { token: access })).status, 200)
      })
    )
  })
})

describe("RATE_LIMIT_EXPORT", () => {
  it.layer(layerEmbedded({ RATE_LIMIT_EXPORT: "2/1h" }), { excludeTestServices: true })((it) => {
    it.effect("counts the exports of a user, but no HEAD", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, stranger] = [yield* api.person(), yield* api.person()]
        for (let n = 0; n < 3; n++) {
          const { headers, status, text } = yield* api.send("HEAD", path, { token: person.access })
          assert.deepStrictEqual([status, text], [200, ""])
          assert.strictEqual(headers.get("content-type"), "application/json")
        }
        yield* exportOf(person)
        yield* exportOf(person)
        const refused = yield* api.send("GET", path, { token: person.access })
        const wait = Number(refused.headers.get("retry-after"))
        assertFailure(refused, 429, "rate_limited", `Too many attempts. Try again in ${wait} seconds.`)
        assert.strictEqual(refused.headers.get("ratelimit-policy"), `"export";q=2;w=3600`)
        yield* exportOf(stranger)
        yield* api.pass("1 hour")
        const later = yield* api.login(person)
        yield* exportOf(later)
      })
    )
  })
})
