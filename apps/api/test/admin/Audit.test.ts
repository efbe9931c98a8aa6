import { assert, describe, it } from "@effect/vitest"
import { batchSize } from "@user-service/core/audit/AuditExports"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertInvalid, time } from "../Answers.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"
import { staff } from "./Staff.ts"

const path = "/api/v1/admin/audit/"
const exportPath = `${path}export/`

/** Writes this many entries about a new user, the newest first by their number. */
const entries = Effect.fnUntraced(function* (count: number) {
  const { sql } = yield* TestApi
  const userId = randomUUID()
  yield* sql`
    insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
    select ${userId}::uuid, ${userId}::uuid, 'test.' || n % 2, '192.0.2.1', 'agent', jsonb_build_object('n', n),
      now() - n * interval '1 millisecond'
    from generate_series(1, ${count}::int) n`
  return userId
})

describe("the audit log", () => {
  it.layer(layerEmbedded())((it) => {
    it.effect("is read by cursor, the newest entries first, by user, actor, action and time", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access } = yield* staff("viewer")
        const userId = yield* entries(5)
        const get = (query: Readonly<Record<string, string>>) =>
          send("GET", `${path}?${new URLSearchParams(query)}`, { token: access })
        const first = yield* get({ user_id: userId.toUpperCase(), limit: "3" })
        assert.strictEqual(first.status, 200)
        assert.deepInclude(first.body, { success: true, message: "Audit log retrieved successfully", error: null })
        const { created_at, id, ...entry } = first.body.data[0]
        assert.match(created_at, time)
        assert.isString(id)
        assert.deepStrictEqual(entry, {
          user_id: userId,
          actor_id: userId,
          action: "test.1",
          ip: "192.0.2.1",
          user_agent: "agent",
          details: { n: 1 }
        })
        const second = yield* get({ user_id: userId, limit: "3", cursor: first.body.meta.next_cursor })
        const numbers = [...first.body.data, ...second.body.data].map(({ details }) => details.n)
        assert.deepStrictEqual(numbers, [1, 2, 3, 4, 5])
        assert.isNull(second.body.meta.next_cursor)
        const filtered = yield* get({
          user_id: userId,
          actor_id: userId,
          action: "test.0",
          from: "2026-01-01T00:00:00Z"
        })
        assert.strictEqual(filtered.body.data.length, 2)
        const past = yield* get({ user_id: userId, to: "2026-01-01T00:00:00+02:00" })
        assert.deepStrictEqual(past.body.data, [])
      })
    )

    it.effect("answers 422 for each wrong field, and for the cursor of another filter", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access } = yield* staff("admin")
        const wrong = "user_id=me&actor_id=1&action=%00&from=today&to=2026-02-30T00:00:00Z"
        const listed = yield* send("GET", `${path}?${wrong}&limit=101`, { token: access })
        const problems = {
          user_id: ["Must be a valid UUID."],
          actor_id: ["Must be a valid UUID."],
          action: ["Null characters are not allowed."],
          from: ["Enter a valid time, as in RFC 3339."],
          to: ["Enter a valid time, as in RFC 3339."]
        }
        assertInvalid(listed, { ...problems, limit: ["Must be an integer between 1 and 100."] })
        assertInvalid(yield* send("GET", `${exportPath}?${wrong}`, { token: access }), problems)
        const userId = yield* entries(2)
        const { body } = yield* send("GET", `${path}?user_id=${userId}&limit=1`, { token: access })
        const foreign = yield* send("GET", `${path}?limit=1&cursor=${body.meta.next_cursor}`, { token: access })
        assertInvalid(foreign, { cursor: ["Enter the next_cursor of a page of the same list."] })
      })
    )

    it.effect("is exported as one line of JSON for each entry, however many, and the export is an entry too", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const admin = yield* staff("admin")
        const count = 2 * batchSize + 1
        const userId = yield* entries(count)
        const query = `user_id=${userId}&from=2026-01-01T00:00:00Z`
        const { headers, status, text } = yield* send("GET", `${exportPath}?${query}`, { token: admin.access })
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("content-type"), "application/x-ndjson")
        assert.strictEqual(headers.get("content-disposition"), `attachment; filename="audit.ndjson"`)
        const lines = text.split("\n")
        assert.strictEqual(lines.pop(), "")
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line).details.n),
          Array.from({ length: count }, (_, n) => n + 1)
        )
        const { body } = yield* send("GET", `${path}?user_id=${userId}&limit=1`, { token: admin.access })
        assert.deepStrictEqual(JSON.parse(lines[0] ?? ""), body.data[0])
        const recorded = yield* sql`
          select user_id = actor_id as own, details from audit_log
          where user_id = ${admin.id} and action = 'audit.exported'`
        assert.deepStrictEqual([...recorded], [{ own: true, details: { userId, from: "2026-01-01T00:00:00.000Z" } }])
        yield* send("HEAD", exportPath, { token: admin.access })
        const [after] = yield* sql`
          select count(*)::int as count from audit_log where user_id = ${admin.id} and action = 'audit.exported'`
        assert.deepStrictEqual(after, { count: 1 })
      })
    )
  })

  it.layer(layerEmbedded({ RATE_LIMIT_AUDIT_EXPORT: "2/1h" }))((it) => {
    it.effect("is exported so many times by each administrator, and the exports are counted", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const [admin, other] = [yield* staff("admin"), yield* staff("admin")]
        const { access: viewer } = yield* staff("viewer")
        const exported = ({ access }: Pick<Person, "access">) => send("GET", exportPath, { token: access })
        assert.strictEqual((yield* exported({ access: viewer })).status, 403)
        yield* send("HEAD", exportPath, { token: admin.access })
        assert.strictEqual((yield* exported(admin)).status, 200)
        assert.strictEqual((yield* exported(admin)).status, 200)
        const refused = yield* exported(admin)
        assert.deepStrictEqual([refused.status, refused.body.code], [429, "rate_limited"])
        assert.strictEqual(refused.headers.get("ratelimit-policy"), `"audit-export";q=2;w=3600`)
        assert.strictEqual((yield* exported(other)).status, 200)
        assert.include((yield* send("GET", "/metrics")).text, `audit_exports_total{outcome="completed"} 3`)
      })
    )
  })
})
