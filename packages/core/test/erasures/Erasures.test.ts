import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { preferencesKey, userKey } from "@user-service/core/cached/CacheKeys"
import { Logins } from "@user-service/core/accounts/Logins"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { ErasureBatches } from "@user-service/core/erasures/ErasureBatches"
import { Erasures } from "@user-service/core/erasures/Erasures"
import { termOf } from "@user-service/core/erasures/SearchTerms"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { UserDeleted } from "@user-service/domain/DomainEvent"
import type { UserId } from "@user-service/domain/User"
import { Duration, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { eventsOf, layer, register, registerWith, password, storedHash, tagOf } from "../TestCore.ts"

const erase = (userId: UserId, checkedHash: string | null = null) =>
  Erasures.use((erasures) => erasures.erase({ userId, checkedHash }))

const resume = (limit = 10) => ErasureBatches.use((batches) => batches.resume(limit))

/** The rows that an erasure would have left if its process had died after its transaction. */
const leaveRows = Effect.fnUntraced(function* (userId: UserId, email: string) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    update erasures set finished_at = null, search_terms = ${[termOf("email", email)]}::text[], erased_at = '2020-01-01' where user_id = ${userId}`
  yield* sql`
    insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
    select ${userId}, ${userId}, 'test', '192.0.2.1', 'agent', '{"a":1}', now() from generate_series(1, 4100)`
  yield* sql`
    insert into audit_log (user_id, actor_id, action, ip, user_agent, details, created_at)
    select uuid_v7(), ${userId}, 'admin.test', '192.0.2.1', 'agent', '{"a":1}', now()`
  yield* sql`
    insert into outbox (user_id, user_version, event_type, payload, created_at, published_at)
    select ${userId}, 1, 'UserLoggedIn', '{}', now(), now() from generate_series(1, 2100)`
  yield* sql`
    insert into deliveries (id, notification_id, place, user_id, status, error, created_at, updated_at)
    select uuid_v7(), ${userId}::text || n, 0, ${userId}, 'failed', 'no mailbox', now(), now()
    from generate_series(1, 2100) n`
  yield* sql`
    insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, decided_at, send_at)
    select n::text, ${userId}, 'push', 'system', 'deny', 'no_address', now(), now() from generate_series(1, 2100) n`
  yield* sql`
    insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at,
      replay_requested_at)
    select uuid_v7(), sha256((${userId}::text || n)::bytea), 'q', 'undecodable', 'k', '{}',
      case when n % 100 = 0 then convert_to('to ' || ${email}, 'UTF8') else 'of others'::bytea end, 100, now(),
      case when n % 200 = 0 then now() end
    from generate_series(1, 450) n`
})

const rowsLeft = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`
    select
      (select count(*)::int from audit_log where user_id = ${userId} and (ip is not null or details <> '{}')) as audit,
      (select count(*)::int from audit_log where actor_id = ${userId} and ip is not null) as acts,
      (select count(*)::int from outbox where user_id = ${userId}) as events,
      (select count(*)::int from deliveries where user_id = ${userId} or (notification_id like ${`${userId}%`} and error <> ''))
        as deliveries,
      (select count(*)::int from delivery_decisions where user_id = ${userId}) as decisions,
      (select count(*)::int from dead_letters where body like 'to %'::bytea) as letters,
      (select count(*)::int from erasures where finished_at is null) as unfinished`
  return row
})

describe("Erasures", () => {
  it.layer(layer())((it) => {
    it.effect(
      "an erased user is unknown, and their only event is that of the erasure, with the sessions that lived",
      () =>
        Effect.gen(function* () {
          const { sessionId, userId } = yield* register
          yield* Profiles.use((profiles) => profiles.represent(userId))
          yield* erase(userId)
          assert.strictEqual(yield* tagOf(Profiles.use((profiles) => profiles.represent(userId))), "UserNotFound")
          assert.isFalse(yield* LiveSessions.use((sessions) => sessions.isAlive(userId, sessionId)))
          assert.deepStrictEqual(yield* eventsOf(userId), [new UserDeleted({ userId, sessionIds: [sessionId] })])
          assert.strictEqual(yield* tagOf(erase(userId)), "UserNotFound")
        })
    )

    it.effect("with another password hash than the checked one nothing is erased", () =>
      Effect.gen(function* () {
        const { userId } = yield* register
        assert.strictEqual(yield* tagOf(erase(userId, "another hash")), "UserNotFound")
        assert.lengthOf(yield* eventsOf(userId), 1)
        yield* erase(userId, yield* storedHash(userId))
        assert.strictEqual(yield* tagOf(erase(userId)), "UserNotFound")
      })
    )

    it.effect("a read that began before the erasure does not put the user back into the cache", () =>
      Effect.gen(function* () {
        const cache = yield* Cache
        const { userId } = yield* register
        yield* erase(userId)
        for (const key of [userKey(userId), preferencesKey(userId)]) {
          yield* cache.set(key, { version: 1000, value: "old", timeToLive: Duration.hours(1) })
          assert.isTrue(Option.isNone(yield* cache.get(key)), key)
        }
      })
    )

    it.effect("the relay repeats it for a process that died after its commit", () =>
      Effect.gen(function* () {
        const cache = yield* Cache
        const { sessionId, userId } = yield* register
        yield* Profiles.use((profiles) => profiles.represent(userId))
        const { isAlive } = yield* LiveSessions
        assert.isTrue(yield* isAlive(userId, sessionId))
        const { apply } = yield* Invalidations
        yield* apply([{ id: userId, version: 2 }], [new UserDeleted({ userId, sessionIds: [sessionId] })])
        assert.isFalse(yield* isAlive(userId, sessionId))
        assert.isTrue(Option.isNone(yield* cache.get(userKey(userId))))
      })
    )

    it.effect("one that was cut off is completed later, and leaves an id and two times", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        yield* erase(userId)
        yield* leaveRows(userId, email)
        assert.strictEqual(yield* resume(), 1)
        assert.deepStrictEqual(yield* rowsLeft(userId), {
          audit: 0,
          acts: 0,
          events: 1,
          deliveries: 0,
          decisions: 0,
          letters: 0,
          unfinished: 0
        })
        const others = yield* sql`select 1 from dead_letters where body = 'of others'::bytea`
        assert.lengthOf(others, 446)
        const [record] = yield* sql`select * from erasures where user_id = ${userId}`
        assert.isNull(record?.["search_terms"])
        assert.strictEqual(yield* resume(), 0)
      })
    )

    it.effect(
      "one of a user whose username and push tokens are texts of everybody's dead letters keeps the letters",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { userId } = yield* register
          const { userId: other } = yield* register
          yield* sql`update users set username = 'x-reason' where id = ${userId}`
          for (const token of ["{", '"status":"delivered"', "user-service.notification-status", other]) {
            yield* sql`
            insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, created_at, updated_at, last_used_at)
            values (uuid_v7(), ${userId}, ${token}::text, sha256(convert_to(${token}::text, 'UTF8')), 'android', 'fcm', now(), now(), now())`
          }
          const body = `{"notification_id":"of ${other}","user_id":"${other}","status":"delivered"}`
          yield* sql`
          insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at)
          values (uuid_v7(), sha256(convert_to(${body}, 'UTF8')), 'q', 'failed', 'user-service.notification-status',
            '{"x-reason":"failed"}', convert_to(${body}, 'UTF8'), 1000, now())`
          yield* erase(userId)
          assert.lengthOf(yield* sql`select 1 from dead_letters where body = convert_to(${body}, 'UTF8')`, 1)
        })
    )

    it.effect("two that complete the same one at once do no harm", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* register
        yield* erase(userId)
        yield* leaveRows(userId, email)
        yield* Effect.all([resume(), resume()], { concurrency: 2 })
        assert.deepInclude(yield* rowsLeft(userId), { audit: 0, deliveries: 0, letters: 0, unfinished: 0 })
      })
    )

    // What is in these instead is emptied by the erasure itself.
    it.effect("every table about users goes with the user, except for those that the erasure empties", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const kept = yield* sql`
          select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
          where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
            and a.attname = 'user_id' and not a.attisdropped
            and not exists (
              select from pg_constraint f
              where f.conrelid = c.oid and f.contype = 'f' and f.confrelid = 'users'::regclass and f.confdeltype = 'c'
                and f.conkey = array[a.attnum])
          order by name`
        assert.deepStrictEqual(
          kept.map(({ name }) => name),
          ["audit_log", "deliveries", "delivery_decisions", "erasures", "outbox"]
        )
      })
    )

    it.effect("the count of failed logins of the e-mail goes with the user", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        const login = { email, password: Redacted.make("not the password"), deviceName: "" }
        yield* tagOf(Logins.use((logins) => logins.login(login)))
        assert.lengthOf(yield* sql`select 1 from failed_logins`, 1)
        yield* erase(userId)
        assert.lengthOf(yield* sql`select 1 from failed_logins`, 0)
      })
    )

    it.effect("the e-mail is free at once", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* register
        yield* erase(userId)
        const { user } = yield* registerWith(email, password)
        assert.notStrictEqual(user.id, userId)
      })
    )
  })
})
