import { assert, it } from "@effect/vitest"
import { AuditLog, type AuditPageRequest } from "@user-service/core/audit/AuditLog"
import { maxPassed } from "@user-service/core/audit/AuditLogRepo"
import { Storage } from "@user-service/database/Storage"
import type { AuditLogEntry } from "@user-service/domain/AuditLogEntry"
import { UserId } from "@user-service/domain/User"
import { DateTime, Effect, Layer, Schema } from "effect"
import { Digest } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"

const layerOver = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  AuditLog.layer.pipe(Layer.provideMerge(Storage.layer), Layer.provideMerge([database, Digest.layerWebCrypto]))

const freshId = () => UserId.make(randomUUID())
const [first, second] = [freshId(), freshId()]
const users = [first, second, freshId()]
const staff = [freshId(), freshId()]
const actions = ["user.logged_in", "user.disabled", "user.erased"]

// The times are on both sides of the boundaries of three months, of which the first two have no partition, and several are equal.
const months = [-2, -1, 0]
const timeOf = (n: number): string =>
  `date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' + interval '${months[n % 3] ?? 0} months'
    + interval '${(n % 7) - 3} microseconds'`

// In each combination of user, actor and action.
const few = SqlClient.SqlClient.use((sql) =>
  Effect.forEach(
    Array.from({ length: 60 }, (_, n) => n),
    (n) => {
      const userId = users[n % 4] ?? null
      const actorId = [userId, staff[0], null, staff[1], first][n % 5] ?? null
      return sql`
        insert into audit_log (id, user_id, actor_id, action, ip, user_agent, details, created_at)
        values (${randomUUID()}, ${userId}, ${actorId}, ${actions[n % 3] ?? ""}, '192.0.2.1', 'agent', '{"n": 1}',
          ${sql.literal(timeOf(n))})`
    }
  )
)

const page = (request: AuditPageRequest) => AuditLog.use((log) => log.page(request))

const allOf = Effect.fnUntraced(function* (request: AuditPageRequest) {
  const found: Array<AuditLogEntry> = []
  let cursor: string | null = null
  do {
    const part: { readonly items: ReadonlyArray<AuditLogEntry>; readonly nextCursor: string | null } = yield* page({
      ...request,
      ...(cursor === null ? {} : { cursor })
    })
    assert.isAtMost(part.items.length, request.limit)
    found.push(...part.items)
    cursor = part.nextCursor
  } while (cursor !== null)
  return found
})

/** The contract of the audit pages, over any database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) => {
  it.layer(Layer.provideMerge(Layer.effectDiscard(Effect.orDie(few)), layerOver(database)), {
    excludeTestServices: true
  })(`${name}: the audit log`, (it) => {
    const Filters = Schema.Struct({
      userId: Schema.optionalKey(Schema.Literals(users)),
      actorId: Schema.optionalKey(Schema.Literals([...staff, ...users])),
      action: Schema.optionalKey(Schema.Literals([...actions, "nothing"])),
      from: Schema.optionalKey(Schema.Literals(months)),
      to: Schema.optionalKey(Schema.Literals(months)),
      limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65 }))
    })
    const dateOf = (time: DateTime.Utc | undefined) => (time === undefined ? null : DateTime.toDate(time))
    const monthStart = (now: DateTime.Utc, months: number) => DateTime.add(DateTime.startOf(now, "month"), { months })

    it.effect.prop(
      "has each entry that the filter selects exactly once, the newest first, whatever the size of its pages",
      [Filters],
      ([{ from, limit, to, ...ids }]) =>
        Effect.gen(function* () {
          const now = yield* DateTime.now
          const filter = {
            ...ids,
            ...(from === undefined ? {} : { from: monthStart(now, from) }),
            ...(to === undefined ? {} : { to: monthStart(now, to) })
          }
          const sql = yield* SqlClient.SqlClient
          const selected = yield* sql<{ id: string }>`
            select id::text from audit_log
            where (${filter.userId ?? null}::uuid is null or user_id = ${filter.userId ?? null}::uuid)
              and (${filter.actorId ?? null}::uuid is null or actor_id = ${filter.actorId ?? null}::uuid)
              and (${filter.action ?? null}::text is null or action = ${filter.action ?? null}::text)
              and created_at >= coalesce(${dateOf(filter.from)}::timestamptz, '-infinity')
              and created_at < coalesce(${dateOf(filter.to)}::timestamptz, 'infinity')
            order by created_at desc, id desc`
          const expected = selected.map(({ id }) => id)
          assert.deepStrictEqual(
            (yield* allOf({ ...filter, limit })).map(({ id }) => id),
            expected
          )
        }),
      { arbitrary: { runs: 150 } }
    )

    it.effect("shows all of an entry", () =>
      Effect.gen(function* () {
        const [entry] = (yield* page({ userId: second, limit: 1 })).items
        assert.deepInclude(entry, { userId: second, ip: "192.0.2.1", userAgent: "agent", details: { n: 1 } })
      })
    )

    it.effect("refuses a cursor of another filter, and a text that is no cursor", () =>
      Effect.gen(function* () {
        const { nextCursor } = yield* page({ limit: 1 })
        const cursor = nextCursor ?? ""
        assert.lengthOf((yield* page({ limit: 2, cursor })).items, 2)
        const now = yield* DateTime.now
        const [scope, , id] = JSON.parse(Buffer.from(cursor, "base64url").toString())
        const encode = (value: unknown) => Buffer.from(JSON.stringify([scope, value, id])).toString("base64url")
        for (const request of [
          { cursor, action: "user.erased" },
          { cursor, userId: freshId() },
          { cursor, actorId: freshId() },
          { cursor, from: now },
          { cursor, to: now },
          { cursor: "x" },
          { cursor: encode(null) },
          { cursor: encode("today") }
        ]) {
          const error = yield* Effect.flip(page({ limit: 1, ...request }))
          assert.strictEqual(error._tag, "CursorInvalid", JSON.stringify(request))
        }
      })
    )
  })

  // More than a page may pass over, all by one actor, and more than a page at one time.
  const [busy, about] = [freshId(), freshId()]
  const count = maxPassed + 1500
  const frequent = SqlClient.SqlClient.use(
    (sql) => sql`
      insert into audit_log (user_id, actor_id, action, created_at)
      select ${about}::uuid, ${busy}::uuid, case n when 1 then 'rare' else 'frequent' end, now() - n / 1000 * interval '1 second'
      from generate_series(${count}::int, 1, -1) n`
  )

  it.layer(Layer.provideMerge(Layer.effectDiscard(Effect.orDie(frequent)), layerOver(database)), {
    excludeTestServices: true
  })(`${name}: an audit log with more entries than a page may pass over`, (it) => {
    it.effect("has each entry exactly once, also where a page ends early", () =>
      Effect.gen(function* () {
        for (const filter of [
          { userId: about, action: "rare" },
          { actorId: busy, action: "rare" },
          { userId: about, actorId: busy, action: "rare" }
        ]) {
          assert.lengthOf(yield* allOf({ ...filter, limit: 10 }), 1)
        }
        for (const filter of [{ userId: about }, { actorId: busy }, { action: "frequent" }, {}]) {
          const ids = (yield* allOf({ ...filter, limit: 500 })).map(({ id }) => id)
          assert.strictEqual(new Set(ids).size, ids.length)
          assert.strictEqual(ids.length, "action" in filter ? count - 1 : count)
        }
      })
    )
  })
}
