import { assert, describe, it } from "@effect/vitest"
import { AuditLog, type AuditPageRequest } from "@user-service/core/audit/AuditLog"
import { UserSearch, type UserSearchRequest } from "@user-service/core/user-search/UserSearch"
import { maxPassed, maxSorted } from "@user-service/core/user-search/UserSearchRepo"
import { Storage } from "@user-service/database/Storage"
import { Plans } from "@user-service/database/testing/Plans"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { UserId } from "@user-service/domain/User"
import { Role } from "@user-service/domain/Role"
import { UserSort, UserState } from "@user-service/domain/UserSearch"
import { DateTime, Effect, Layer } from "effect"
import { Digest } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"

const databaseUrl = inject("databaseUrl")

const monthCount = 8

// Of each condition of a search there is one that few users meet and one that many do. The actions, actors and users of the audit log
// are likewise frequent and rare.
const fill = SqlClient.SqlClient.use((sql) =>
  sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`set local statement_timeout = 0`
      yield* sql`
        create function id_of(n integer) returns uuid immutable language sql as $$
          select ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
        $$`
      yield* sql`
        insert into users (id, email, email_canonical, username, password_hash, phone_number, created_at, updated_at, last_login_at,
          is_active, is_verified, role)
        select id_of(n), name || n || '@example.org', name || n || '@example.org', name || n, '', '+49 30 ' || n,
          now() - (n * 7919 % 50000) * interval '1 minute', now(),
          case when n % 10 > 0 then now() - (n * 6101 % 50000) * interval '1 second' end,
          n % 20 > 0, n % 1000 > 0, case when n % 5000 = 0 then 'viewer' when n % 20 = 1 then 'admin' end
        from generate_series(1, 50000) n,
          lateral (select case when n % 2000 = 0 then 'rare' else 'many' end as name) as named`
      yield* sql`
        insert into suppressions (user_id, email, reason, created_at)
        select id, email, 'complaint', now() from users where id < id_of(300)`
      yield* sql`
        insert into sessions (id, user_id, refresh_token_hash, created_at, refreshed_at, last_seen_at, expires_at)
        select id_of(n), id_of(n), sha256(n::text::bytea), now(), now(), now(), now() from generate_series(1, 20000) n`
      yield* sql`
        insert into deliveries (id, notification_id, place, user_id, status, created_at, updated_at)
        select id_of(n), n::text, 0, id_of(n), 'sent', now(), now() from generate_series(1, 20000) n`
      yield* sql`
        insert into delivery_decisions (notification_id, user_id, channel, category, decision, decided_at, send_at)
        select n::text, id_of(n), 'email', 'system', 'allow', now(), now() from generate_series(1, 20000) n`
      yield* sql`
        insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, last_used_at, created_at, updated_at)
        select id_of(n), id_of(n), 'token' || n, sha256(('token' || n)::bytea), 'ios', 'apns', now(), now(), now()
        from generate_series(1, 20000) n`
      yield* sql.unsafe(`
        do $$
        declare
          first_day date;
        begin
          for i in 1..${monthCount} loop
            first_day := date_trunc('month', now() at time zone 'UTC') - make_interval(months => i);
            execute format('create table %I partition of audit_log for values from (%L) to (%L)',
              'audit_log_' || to_char(first_day, 'YYYY_MM'), first_day::timestamp at time zone 'UTC',
              (first_day + interval '1 month')::timestamp at time zone 'UTC');
          end loop;
        end
        $$`)
      yield* sql`
        insert into audit_log (id, user_id, actor_id, action, created_at)
        select gen_random_uuid(), user_id, case when n % 100 = 0 then id_of(1) when n % 3 > 0 then user_id end,
          case when n % 50000 = 0 then 'rare' else 'frequent' || n % 5 end,
          now() - n * interval '1 minute' * ${monthCount}::int * 30 * 1440 / 200000
        from generate_series(1, 200000) n, lateral (select id_of(case when n % 10 = 0 then 2 else n % 50000 end) as user_id) as one`
      yield* sql`analyze`
    })
  )
)

const filled = Layer.mergeAll(UserSearch.layer, AuditLog.layer, Layer.effectDiscard(Effect.orDie(fill))).pipe(
  Layer.provideMerge(Storage.layer),
  Layer.provideMerge(Plans.layer),
  Layer.provide([TestDatabase.layerPostgres(databaseUrl), Digest.layerWebCrypto])
)

const idOf = (n: number): UserId => UserId.make(`01900000-0000-7000-8000-${String(n).padStart(12, "0")}`)

/** The rows that the operation reads of each of these tables. The counters also have those of earlier transactions. */
const readBy = Effect.fnUntraced(function* <A, E>(tables: string, operation: Effect.Effect<A, E>) {
  const sql = yield* SqlClient.SqlClient
  const counters = Effect.map(
    sql<{ name: string; scans: number; rows: number }>`
      select relname as name, (seq_scan + idx_scan)::int as scans, (seq_tup_read + idx_tup_fetch)::int as rows
      from pg_stat_xact_user_tables where relname like ${tables} order by relname`,
    (found) => new Map(found.map(({ name, ...counts }) => [name, counts]))
  )
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      const before = yield* counters
      yield* operation
      return [...(yield* counters)].flatMap(([name, { rows, scans }]) => {
        const earlier = before.get(name) ?? { rows: 0, scans: 0 }
        return scans === earlier.scans ? [] : [{ name, rows: rows - earlier.rows }]
      })
    })
  )
})

// What the reads of a page come to if it ends early: the rows it passes over, twice, those of up to four probes, and those that it
// sorts.
const mostRows = 2 * maxPassed + 5 * maxSorted

/**
 * Fails with each statement that reads a table or an index from end to end, whether it is planned for its parameters or for any, and
 * with more rows than a page may read. The estimated cost is no measure: it does not know how soon a page is full.
 */
const assertIndexed = Effect.fnUntraced(function* <A, E>(name: string, tables: string, operation: Effect.Effect<A, E>) {
  const { of } = yield* Plans
  const plans = yield* of(operation)
  assert.isNotEmpty(plans, name)
  for (const { scans, statement } of plans) assert.deepStrictEqual(scans, [], `${name}: ${statement}`)
  const read = (yield* readBy(tables, operation)).reduce((sum, { rows }) => sum + rows, 0)
  assert.isAtMost(read, mostRows, name)
})

const choices = <A>(items: ReadonlyArray<A>): ReadonlyArray<A | undefined> => [undefined, ...items]

/** The fields that are not undefined. */
const defined = <A extends object>(fields: A) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof A]?: Exclude<A[K], undefined>
  }

const searches: ReadonlyArray<Omit<UserSearchRequest, "limit">> = UserSort.literals.flatMap((sort) =>
  choices(UserState.literals).flatMap((state) =>
    choices([...Role.literals]).flatMap((role) =>
      choices(["many", "rare", "nobody"]).map((q) => ({ sort, ...defined({ state, role, q }) }))
    )
  )
)

const months = [-3, -2].map((month) => DateTime.add(DateTime.startOf(DateTime.nowUnsafe(), "month"), { months: month }))
const [from, to] = months

const auditPages: ReadonlyArray<Omit<AuditPageRequest, "limit">> = choices([idOf(2), idOf(777)]).flatMap((userId) =>
  choices([idOf(1), idOf(2), idOf(777)]).flatMap((actorId) =>
    choices(["frequent1", "rare", "nothing"]).flatMap((action) =>
      [{}, defined({ from, to })].map((times) => ({ ...defined({ userId, actorId, action }), ...times }))
    )
  )
)

describe.skipIf(databaseUrl === "")("over a PostgreSQL with 50,000 users and 200,000 audit entries", () => {
  it.layer(filled, { excludeTestServices: true })("each page finds its rows by indexes", (it) => {
    it.effect("of the search, for each filter and order, the first page and the next", () =>
      Effect.gen(function* () {
        const { search } = yield* UserSearch
        for (const request of searches) {
          const name = JSON.stringify(request)
          const first = { ...request, limit: 20 }
          yield* assertIndexed(name, "users", search(first))
          const { nextCursor } = yield* search(first)
          if (nextCursor !== null)
            yield* assertIndexed(`${name} after`, "users", search({ ...first, cursor: nextCursor }))
        }
      })
    )

    it.effect("of the search for a value of each kind", () =>
      Effect.gen(function* () {
        const { search } = yield* UserSearch
        for (const q of ["many777@example.org", "MANY777", "+49 (30) 777", idOf(777), "777", "token777"]) {
          assert.deepStrictEqual(
            (yield* search({ q, sort: "email", limit: 20 })).items.map(({ id }) => id),
            [idOf(777)],
            q
          )
          yield* assertIndexed(q, "users", search({ q, sort: "-created_at", limit: 20 }))
        }
      })
    )

    it.effect("of the audit log, for each filter, the first page and the next", () =>
      Effect.gen(function* () {
        const { page } = yield* AuditLog
        for (const request of auditPages) {
          const name = JSON.stringify(request)
          const first = { ...request, limit: 20 }
          yield* assertIndexed(name, "audit_log%", page(first))
          const { nextCursor } = yield* page(first)
          if (nextCursor !== null)
            yield* assertIndexed(`${name} after`, "audit_log%", page({ ...first, cursor: nextCursor }))
        }
      })
    )

    it.effect("a page of the whole log reads its own entries, and one of each other partition", () =>
      Effect.gen(function* () {
        const { page } = yield* AuditLog
        const partitions = yield* readBy("audit_log%", page({ limit: 20 }))
        const total = partitions.reduce((sum, { rows }) => sum + rows, 0)
        assert.isAtLeast(total, 21)
        assert.isAtMost(total, 21 + monthCount + 4)
      })
    )

    it.effect("a page of a month reads no other partition", () =>
      Effect.gen(function* () {
        const { page } = yield* AuditLog
        const name = `audit_log_${DateTime.formatIso(months[0] ?? DateTime.nowUnsafe())
          .slice(0, 7)
          .replace("-", "_")}`
        for (const filter of [{}, { action: "rare" }, { userId: idOf(2) }, { actorId: idOf(1) }]) {
          const partitions = yield* readBy("audit_log%", page({ ...filter, ...defined({ from, to }), limit: 20 }))
          assert.deepStrictEqual(
            partitions.map((partition) => partition.name),
            [name]
          )
        }
      })
    )
  })
})
