import { assert, describe, it } from "@effect/vitest"
import { Outbox } from "@user-service/core/outbox/Outbox"
import { rows } from "@user-service/core/Rows"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import type { UserId } from "@user-service/domain/User"
import * as Jobs from "@user-service/worker/jobs/Jobs"
import { Deferred, Duration, Effect, Exit, Layer, Metric, Ref, Schema, Scope } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { waitUntil, layerChanges, layerEngines, layerSettings, newUser, rename } from "../TestWork.ts"

const databaseUrl = inject("databaseUrl")

const round = Effect.flatMap(Jobs.Jobs, (jobs) => Jobs.round(jobs))

interface TokenState {
  readonly unseen: number
  readonly active?: boolean
  /** Days since the token was marked as stale. */
  readonly marked?: number
}

/** Inserts a token of the user that was last seen the given number of days ago. */
const newToken = Effect.fnUntraced(function* (user: UserId, { active = true, marked, unseen }: TokenState) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  yield* sql`
    insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, is_active, stale_at, last_used_at,
      created_at, updated_at)
    values (${id}, ${user}, ${id}, sha256(${id}::text::bytea), 'ios', 'apns', ${active},
      now() - make_interval(days => ${marked ?? null}::int), now() - make_interval(days => ${unseen}::int), now(), now())`
  return id
})

const TokenRow = Schema.Struct({ id: Schema.String, isActive: Schema.Boolean, isMarked: Schema.Boolean })
const tokensOf = (user: UserId) =>
  SqlClient.SqlClient.use((sql) =>
    rows(TokenRow)(sql`
      select id, is_active as "isActive", stale_at is not null as "isMarked" from push_tokens
      where user_id = ${user} order by last_used_at desc`)
  )

const EventRow = Schema.Struct({ event: Schema.toCodecJson(DomainEvent) })
const eventsOf = (user: UserId) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      rows(EventRow)(sql`select payload as event from outbox where user_id = ${user} order by position`),
      (found) => found.map(({ event }) => event)
    )
  )

const newSession = Effect.fnUntraced(function* (user: UserId, expiredDaysAgo: number) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  yield* sql`
    insert into sessions (id, user_id, refresh_token_hash, created_at, refreshed_at, last_seen_at, expires_at)
    values (${id}, ${user}, sha256(${id}::text::bytea), now(), now(), now(),
      now() - make_interval(hours => ${expiredDaysAgo * 24}::int))`
  return id
})

const runsOf = (job: string, outcome: string) =>
  Effect.map(
    Metric.value(Metric.withAttributes(Metric.counter("worker_job_runs_total", jobRuns), { name: job, outcome })),
    ({ count }) => count
  )
const jobRuns = { description: "Runs of jobs, by outcome", incremental: true }

describe.skipIf(databaseUrl === "")("jobs on PostgreSQL", () => {
  const engines = layerEngines(TestDatabase.layerPostgres(databaseUrl))
  const work = Layer.mergeAll(Jobs.Jobs.layer, Outbox.layer, layerChanges).pipe(
    Layer.provide([Digest.layerWebCrypto, SecureRandom.layerWebCrypto, Storage.layer]),
    Layer.provideMerge([engines, layerSettings])
  )

  it.layer(work, { excludeTestServices: true })((it) => {
    it.effect(
      "an active push token that was unused for thirty days is deactivated, published as stale, and increases the user's version",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const user = yield* newUser
          const seen = yield* newToken(user, { unseen: 29 })
          const stale = yield* newToken(user, { unseen: 31 })
          const silent = yield* newToken(user, { unseen: 32, active: false })
          yield* round
          assert.deepStrictEqual(yield* tokensOf(user), [
            { id: seen, isActive: true, isMarked: false },
            { id: stale, isActive: false, isMarked: true },
            { id: silent, isActive: false, isMarked: false }
          ])
          assert.deepStrictEqual(
            (yield* eventsOf(user)).map(
              (event) => event._tag === "PushTokenRemoved" && `${event.tokenId} ${event.reason}`
            ),
            [`${stale} stale`]
          )
          assert.deepStrictEqual(
            yield* sql`select version::int, (select details from audit_log where user_id = ${user}) as details
            from users where id = ${user}`,
            [{ version: 2, details: { silenced: 1, deleted: 0 } }]
          )
          yield* round
          assert.strictEqual((yield* eventsOf(user)).length, 1)
        })
    )

    it.effect(
      "a push token that its owner activated again stays active until it is registered and unused for thirty days again",
      () =>
        Effect.gen(function* () {
          const user = yield* newUser
          const byHand = yield* newToken(user, { unseen: 60, marked: 20 })
          const anew = yield* newToken(user, { unseen: 61, marked: 100 })
          yield* round
          assert.deepStrictEqual(yield* tokensOf(user), [
            { id: byHand, isActive: true, isMarked: true },
            { id: anew, isActive: false, isMarked: true }
          ])
        })
    )

    it.effect("a push token that was unused for 270 days is deleted, which is published only if it was active", () =>
      Effect.gen(function* () {
        const user = yield* newUser
        yield* newToken(user, { unseen: 271, active: false, marked: 240 })
        const live = yield* newToken(user, { unseen: 272, marked: 200 })
        const kept = yield* newToken(user, { unseen: 269, active: false, marked: 239 })
        yield* round
        assert.deepStrictEqual(
          (yield* tokensOf(user)).map(({ id }) => id),
          [kept]
        )
        assert.deepStrictEqual(
          (yield* eventsOf(user)).map(
            (event) => event._tag === "PushTokenRemoved" && `${event.tokenId} ${event.reason}`
          ),
          [`${live} stale`]
        )
      })
    )

    it.effect("all stale push tokens are handled in one round, even if they fill several batches", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        // Two adjacent tokens of each user, so that a batch ends between users.
        const users = yield* Effect.replicateEffect(newUser, Jobs.batchLimit / 2 + 5)
        yield* sql`
          insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, last_used_at, created_at, updated_at)
          select gen_random_uuid(), user_id, user_id || n::text, sha256((user_id || n::text)::bytea), 'ios', 'apns',
            now() - interval '50 days' + make_interval(mins => place::int), now(), now()
          from unnest(${users}::uuid[]) with ordinality as owner (user_id, place), generate_series(1, 2) as n`
        yield* round
        const left = yield* sql`select 1 from push_tokens where user_id = any(${users}::uuid[]) and is_active`
        assert.deepStrictEqual(left, [])
      })
    )

    it.effect("a session is deleted a day after it expired, and its push tokens stay without it", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* newUser
        const old = yield* newSession(user, 2)
        const kept = [yield* newSession(user, 0.5), yield* newSession(user, -1)]
        const token = yield* newToken(user, { unseen: 1 })
        yield* sql`update push_tokens set session_id = ${old} where id = ${token}`
        yield* round
        const left = yield* sql<{ id: string }>`select id from sessions where user_id = ${user} order by expires_at`
        assert.deepStrictEqual(
          left.map(({ id }) => id),
          kept
        )
        assert.deepStrictEqual(yield* sql`select session_id, is_active from push_tokens where id = ${token}`, [
          { session_id: null, is_active: true }
        ])
      })
    )

    it.effect("idempotency keys are deleted after 24 hours, even if they fill several batches", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* newUser
        yield* sql`
          insert into idempotency_keys (route, key_hash, body_hash, user_id, password_fingerprint, created_at)
          select 'register', sha256((${user}::text || n)::bytea), '', ${user}, '',
            now() - case n when 0 then interval '23 hours' else interval '24 hours' end
          from generate_series(0, ${Jobs.batchLimit + 1}::int) n`
        yield* round
        const left = yield* sql`select created_at > now() - interval '24 hours' as valid from idempotency_keys
          where user_id = ${user}`
        assert.deepStrictEqual(left, [{ valid: true }])
      })
    )

    it.effect("events are deleted a week after their publication, even if they fill several batches", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { relay } = yield* Outbox
        const user = yield* newUser
        yield* rename(user, "1")
        yield* relay({ limit: 10_000, shards: 16, except: [] }, (events) => Effect.succeed(events.map(({ id }) => id)))
        const count = Jobs.batchLimit * 2 + 1
        yield* sql`
          insert into outbox (id, user_id, user_version, event_type, payload, created_at, published_at)
          select gen_random_uuid(), ${user}, 1, 'UserLoggedIn', '{}', now(), now() - interval '8 days'
          from generate_series(1, ${count}::int)`
        yield* rename(user, "2")
        yield* round
        assert.deepStrictEqual(
          (yield* eventsOf(user)).map((event) => event._tag === "UserUpdated" && event.updatedFields),
          [{ firstName: "1" }, { firstName: "2" }]
        )
      })
    )

    it.effect(
      "deliveries and dead letters are deleted after ninety days, login addresses after thirty and decisions after fourteen, even if they fill several batches",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const user = yield* newUser
          const count = Jobs.batchLimit + 1
          yield* sql`
          insert into deliveries (id, notification_id, place, user_id, status, created_at, updated_at)
          select gen_random_uuid(), ${user} || n::text, 0, ${user}, 'sent',
            now() - make_interval(days => case n when 0 then 89 else 91 end), now()
          from generate_series(0, ${count}::int) n`
          yield* sql`
          insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, decided_at, send_at)
          select n::text, ${user}, 'push', 'system', 'deny', 'no_address',
            now() - make_interval(days => case n when 0 then 13 else 15 end), now()
          from generate_series(0, ${count}::int) n`
          yield* sql`
          insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at)
          select gen_random_uuid(), sha256(n::text::bytea), 'queue', 'reason', 'key', '{}', '', 0,
            now() - make_interval(days => case n when 0 then 89 else 91 end)
          from generate_series(0, ${count}::int) n`
          yield* sql`
          insert into login_addresses (user_id, ip, last_login_at)
          select ${user}, 'a' || n, now() - make_interval(days => case n when 0 then 29 else 31 end)
          from generate_series(0, ${count}::int) n`
          yield* sql`
          insert into known_networks (user_id, kind, hash, last_seen_at)
          select ${user}, 'address', sha256(n::text::bytea), now() - make_interval(days => case n when 0 then 89 else 91 end)
          from generate_series(0, ${count}::int) n`
          yield* sql`
          insert into failed_logins (email_hash, failures, last_failed_at)
          select sha256((${user} || n)::bytea), 100, now() - make_interval(days => case n when 0 then 29 else 31 end)
          from generate_series(0, ${count}::int) n`
          yield* round
          assert.deepStrictEqual(
            yield* sql`
            select (select count(*)::int from deliveries where user_id = ${user}) as deliveries,
              (select count(*)::int from delivery_decisions where user_id = ${user}) as decisions,
              (select count(*)::int from dead_letters) as letters,
              (select count(*)::int from login_addresses where user_id = ${user}) as addresses,
              (select count(*)::int from known_networks where user_id = ${user}) as networks,
              (select count(*)::int from failed_logins) as failures`,
            [{ deliveries: 1, decisions: 1, letters: 1, addresses: 1, networks: 1, failures: 1 }]
          )
        })
    )

    it.effect("an account that an older release created gets its canonical address", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const id = yield* newUser
        yield* sql`update users set email = ${`${id}@bücher.example`} where id = ${id}`
        const canonical = sql`select email_canonical as canonical from users where id = ${id}`
        assert.deepStrictEqual(yield* canonical, [{ canonical: null }])
        yield* round
        assert.deepStrictEqual(yield* canonical, [{ canonical: `${id}@xn--bcher-kva.example` }])
      })
    )

    it.effect("the partitions of the audit log are created before their months begin", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const months = sql<{ name: string }>`
          select relname as name from pg_class where relname ~ '^audit_log_\\d{4}_\\d\\d$' and relkind = 'r' order by relname`
        const before = yield* months
        assert.strictEqual(before.length, 3)
        yield* sql.unsafe(`drop table ${before[2]?.name}`)
        yield* round
        assert.deepStrictEqual(yield* months, before)
      })
    )

    it.effect("a job that fails is counted, and the other jobs still run", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const user = yield* newUser
        const stale = yield* newToken(user, { unseen: 40 })
        const failed = yield* runsOf("audit_partitions", "failed")
        yield* sql`alter function ensure_audit_partitions(integer) rename to gone`
        yield* Effect.ensuring(round, Effect.orDie(sql`alter function gone(integer) rename to ensure_audit_partitions`))
        assert.strictEqual(yield* runsOf("audit_partitions", "failed"), failed + 1)
        assert.deepStrictEqual(yield* tokensOf(user), [{ id: stale, isActive: false, isMarked: true }])
      })
    )
  })

  describe("in several processes", () => {
    it.layer(Layer.merge(engines, layerSettings), { excludeTestServices: true })((it) => {
      it.effect("one process runs the jobs, and another one takes over when it has ended", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const running = yield* Ref.make(0)
          const most = yield* Ref.make(0)
          const begun = yield* Deferred.make<void>()
          const total = yield* Ref.make(0)
          // The first job of a round is slow, and records the maximum number of concurrent rounds.
          const slow = yield* Effect.acquireRelease(
            Ref.updateAndGet(running, (n) => n + 1).pipe(
              Effect.tap((n) => Ref.update(most, (before) => Math.max(before, n)))
            ),
            () => Ref.update(running, (n) => n - 1)
          ).pipe(
            Effect.andThen(Deferred.succeed(begun, undefined)),
            Effect.andThen(Ref.update(total, (n) => n + 1)),
            Effect.andThen(Effect.delay(sql`select 1`, "20 millis")),
            Effect.as(0),
            Effect.scoped,
            Effect.succeed
          )
          const jobs = [{ name: "slow", batch: slow }]
          const start = Effect.fnUntraced(function* () {
            const scope = yield* Scope.make()
            yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
            yield* Layer.buildWithScope(Layer.fresh(Jobs.layerOf(jobs, Duration.millis(1))), scope)
            return scope
          })
          const first = yield* start()
          yield* Deferred.await(begun)
          yield* start()
          yield* start()
          yield* waitUntil(Effect.map(Ref.get(total), (n) => n > 10))
          yield* Scope.close(first, Exit.void)
          const before = yield* Ref.get(total)
          yield* waitUntil(Effect.map(Ref.get(total), (n) => n > before + 5))
          assert.strictEqual(yield* Ref.get(most), 1)
        }).pipe(Effect.scoped)
      )
    })
  })
})
