import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { preferencesKey, userKey } from "@user-service/core/cached/CacheKeys"
import { Changes } from "@user-service/core/changes/Changes"
import { type Batch, Outbox, type OutboxEvent } from "@user-service/core/outbox/Outbox"
import { Replays } from "@user-service/core/outbox/Replays"
import { Storage } from "@user-service/database/Storage"
import { type DomainEvent, UserLoggedIn, UserUpdated } from "@user-service/domain/DomainEvent"
import { UserId } from "@user-service/domain/User"
import { Array, DateTime, Duration, Effect, Layer, Option, Ref } from "effect"
import { SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as TestSettings from "../TestSettings.ts"

/** The outbox and what fills it, over a database and a cache of the process's own. */
export const layerOver = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  Layer.mergeAll(Outbox.layer, Replays.layer, Changes.layer).pipe(
    Layer.provideMerge([Storage.layer, Cache.layerMemory, SecureRandom.layerWebCrypto]),
    Layer.provide(TestSettings.layer()),
    Layer.provideMerge(database)
  )

/** Somebody whose row is all there is of them. */
export const newUser = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const id = UserId.make(randomUUID())
  yield* sql`
    insert into users (id, email, username, password_hash, created_at, updated_at)
    values (${id}, ${`${id}@example.org`}, ${id}, '', now(), now())`
  return id
})

/** A change of the user that is told by these. */
export const tell = (user: UserId, ...events: ReadonlyArray<DomainEvent>) =>
  Changes.use(({ change }) => change(user, Effect.succeed({ result: undefined, events, audit: [] })))

/** A change of the user's first name, by which its event is known. */
export const rename = (user: UserId, firstName: string) =>
  tell(user, new UserUpdated({ userId: user, updatedFields: { firstName } }))

export const entireOutbox: Batch = { limit: 1000, shards: 16, except: [] }

const idsOf = (events: ReadonlyArray<OutboxEvent>) => events.map(({ id }) => id)

/** Takes all that waits out, publishes none of it and answers what it was. */
const look = Effect.fnUntraced(function* (batch: Partial<Batch> = {}) {
  const seen = yield* Ref.make<ReadonlyArray<OutboxEvent>>([])
  const { relay } = yield* Outbox
  const turn = yield* relay({ ...entireOutbox, ...batch }, (events) => Effect.as(Ref.set(seen, events), []))
  return { turn, events: yield* Ref.get(seen) }
})

/** Publishes all that waits, and answers what it was. */
const publishAll = Effect.fnUntraced(function* (batch: Partial<Batch> = {}) {
  const seen = yield* Ref.make<ReadonlyArray<OutboxEvent>>([])
  const { relay } = yield* Outbox
  const turn = yield* relay({ ...entireOutbox, ...batch }, (events) => Effect.as(Ref.set(seen, events), idsOf(events)))
  return { turn, events: yield* Ref.get(seen) }
})

const of = (user: UserId, events: ReadonlyArray<OutboxEvent>) => events.filter(({ userId }) => userId === user)

const namesOf = (events: ReadonlyArray<OutboxEvent>) =>
  events.map(({ event }) => (event._tag === "UserUpdated" ? event.updatedFields["firstName"] : event._tag))

/** A row as a process leaves it that died after its commit. */
const insert = Effect.fnUntraced(function* (user: UserId, payload: { readonly _tag: string; readonly userId: UserId }) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  yield* sql`
    insert into outbox (id, user_id, user_version, event_type, payload, created_at)
    values (${id}, ${user}, 2, ${payload._tag}, ${JSON.stringify(payload)}::text::jsonb,
      ${DateTime.toDate(yield* DateTime.now)})`
  return id
})

const insertUnreadable = (user: UserId) => insert(user, { _tag: "UserTeleported", userId: user })

/** Everything of the user happened, and was published, an hour earlier. */
const age = (user: UserId) =>
  SqlClient.SqlClient.use(
    (sql) => sql`
      update outbox set created_at = created_at - interval '1 hour', published_at = published_at - interval '1 hour'
      where user_id = ${user}`
  )

const halfAnHourAgo = Effect.map(DateTime.now, DateTime.subtract({ minutes: 30 }))

/** What the outbox promises on any engine. Nothing else may work on the database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(layerOver(database), { excludeTestServices: true })((it) => {
      it.effect("a waiting event is handed out with the facts of its change, and waits until it is published", () =>
        Effect.gen(function* () {
          const user = yield* newUser
          const before = DateTime.toEpochMillis(yield* DateTime.now)
          yield* Effect.withSpan(tell(user, new UserLoggedIn({ userId: user })), "request")
          for (const _ of [1, 2]) {
            const { events, turn } = yield* look()
            assert.strictEqual(turn.left, turn.taken)
            const [event, ...others] = of(user, events)
            assert.deepStrictEqual(others, [])
            assert.deepStrictEqual(event?.event, new UserLoggedIn({ userId: user }))
            assert.match(event?.traceparent ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
            assert.isAtLeast(event === undefined ? 0 : DateTime.toEpochMillis(event.occurredAt), before)
          }
        })
      )

      it.effect("a published event is not handed out again", () =>
        Effect.gen(function* () {
          const [a, b] = [yield* newUser, yield* newUser]
          yield* rename(a, "1")
          yield* rename(b, "2")
          yield* rename(a, "3")
          const { relay } = yield* Outbox
          yield* publishAll({ except: [a, b] })
          const turn = yield* relay(entireOutbox, (events) =>
            Effect.succeed(idsOf(events.filter(({ userId }) => userId === a)))
          )
          assert.deepStrictEqual(turn, { taken: 3, left: 1 })
          assert.deepStrictEqual(namesOf((yield* look()).events), ["2"])
          yield* publishAll()
          assert.deepStrictEqual((yield* publishAll()).turn, { taken: 0, left: 0 })
        })
      )

      it.effect("a user's events are handed out in the order of their changes", () =>
        Effect.gen(function* () {
          const users = yield* Effect.replicateEffect(newUser, 5)
          const counts = Array.range(1, 20).map(String)
          yield* Effect.forEach(
            users,
            (user) => Effect.forEach(counts, (count) => rename(user, count), { discard: true }),
            { concurrency: "unbounded", discard: true }
          )
          const { events } = yield* publishAll()
          for (const user of users) assert.deepStrictEqual(namesOf(of(user, events)), counts)
        })
      )

      it.effect("a turn takes at most the requested number, a user's oldest first, and no excluded user", () =>
        Effect.gen(function* () {
          yield* publishAll()
          const [user, other] = [yield* newUser, yield* newUser]
          for (const count of ["1", "2", "3", "4", "5"]) yield* rename(user, count)
          assert.deepStrictEqual(namesOf((yield* publishAll({ limit: 2 })).events), ["1", "2"])
          yield* rename(other, "other")
          assert.deepStrictEqual(namesOf((yield* publishAll({ except: [user] })).events), ["other"])
          assert.deepStrictEqual(namesOf((yield* publishAll()).events), ["3", "4", "5"])
        })
      )

      it.effect("a turn uses a limited number of shards, and reaches all of them eventually", () =>
        Effect.gen(function* () {
          yield* publishAll()
          const users = yield* Effect.replicateEffect(newUser, 64)
          for (const user of users) yield* rename(user, "1")
          const shardOf = (user: UserId) => Number.parseInt(user.slice(-2), 16) % 16
          const seen = new Set<UserId>()
          while (seen.size < users.length) {
            const { events } = yield* publishAll({ shards: 2 })
            assert.isAtMost(new Set(events.map(({ userId }) => shardOf(userId))).size, 2)
            assert.isNotEmpty(events)
            for (const { userId } of events) seen.add(userId)
          }
        })
      )

      it.effect("cached copies are invalidated before events are published", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const { relay } = yield* Outbox
          const [user, other] = [yield* newUser, yield* newUser]
          yield* insert(user, { _tag: "UserLoggedIn", userId: user })
          const keys = [userKey(user), preferencesKey(user), userKey(other)]
          yield* Effect.forEach(
            keys,
            (key) => cache.set(key, { version: 1, value: "{}", timeToLive: Duration.hours(1) }),
            { discard: true }
          )
          const cached = Effect.map(cache.getMany(keys), (found) => found.map(Option.isSome))
          assert.deepStrictEqual(yield* cached, [true, true, true])
          const seen = yield* Ref.make(yield* cached)
          yield* relay(entireOutbox, (events) =>
            Effect.as(
              Effect.flatMap(cached, (found) => Ref.set(seen, found)),
              idsOf(events)
            )
          )
          assert.deepStrictEqual(yield* Ref.get(seen), [false, true, true])
        })
      )

      it.effect("an unreadable event is set aside and delays no other, and a replay retries it", () =>
        Effect.gen(function* () {
          const { lag } = yield* Outbox
          yield* publishAll()
          const since = yield* DateTime.now
          const user = yield* newUser
          const id = yield* insertUnreadable(user)
          yield* rename(user, "after")
          const { events, turn } = yield* publishAll()
          assert.deepStrictEqual([namesOf(events), turn], [["after"], { taken: 2, left: 0 }])
          assert.deepStrictEqual((yield* publishAll()).turn, { taken: 0, left: 0 })
          assert.strictEqual((yield* lag).setAside, 1)

          const sql = yield* SqlClient.SqlClient
          yield* sql`
            update outbox set event_type = 'UserLoggedIn', payload = ${JSON.stringify({
              _tag: "UserLoggedIn",
              userId: user
            })}::text::jsonb where id = ${id}`
          assert.strictEqual(yield* Replays.use((replays) => replays.since(since)), 2)
          assert.deepStrictEqual(namesOf((yield* publishAll()).events), ["UserLoggedIn", "after"])
          assert.strictEqual((yield* lag).setAside, 0)
        })
      )

      it.effect("a replay publishes later events again, with the same ids and in the same order", () =>
        Effect.gen(function* () {
          yield* publishAll()
          const [user, earlier] = [yield* newUser, yield* newUser]
          yield* rename(earlier, "before")
          for (const count of ["1", "2", "3"]) yield* rename(user, count)
          const first = yield* publishAll()
          yield* SqlClient.SqlClient.use((sql) => sql`delete from outbox where user_id not in (${user}, ${earlier})`)
          yield* age(earlier)
          assert.strictEqual(yield* Replays.use(({ since }) => Effect.flatMap(halfAnHourAgo, since)), 3)
          const again = yield* publishAll()
          assert.deepStrictEqual(idsOf(again.events), idsOf(of(user, first.events)))
          assert.deepStrictEqual(namesOf(again.events), ["1", "2", "3"])
        })
      )

      it.effect("old published events are deleted in batches, waiting ones and those set aside are kept", () =>
        Effect.gen(function* () {
          const { lag, removePublished } = yield* Outbox
          const sql = yield* SqlClient.SqlClient
          yield* publishAll()
          yield* sql`delete from outbox`
          const [old, recent] = [yield* newUser, yield* newUser]
          for (const count of ["1", "2", "3"]) yield* rename(old, count)
          yield* rename(recent, "later")
          yield* insertUnreadable(old)
          yield* publishAll()
          yield* rename(old, "waits")
          yield* age(old)
          const before = yield* halfAnHourAgo
          for (const removed of [2, 1, 0]) assert.strictEqual(yield* removePublished(before, 2), removed)
          const left = yield* sql<{ name: string | null }>`
            select payload -> 'updatedFields' ->> 'firstName' as name from outbox order by position`
          assert.deepStrictEqual(
            left.map(({ name }) => name),
            ["later", null, "waits"]
          )
          assert.deepInclude(yield* lag, { waiting: 1, setAside: 1 })
        })
      )

      it.effect("the lag is the number of waiting events and the age of the oldest", () =>
        Effect.gen(function* () {
          const { lag } = yield* Outbox
          const sql = yield* SqlClient.SqlClient
          yield* publishAll()
          assert.deepInclude(yield* lag, { waiting: 0, seconds: 0 })
          const users = yield* Effect.replicateEffect(newUser, 3)
          for (const user of users) yield* rename(user, "1")
          yield* sql`
            update outbox set created_at = created_at - interval '90 seconds' where user_id = ${users[0] ?? ""}`
          const { seconds, waiting } = yield* lag
          assert.strictEqual(waiting, 3)
          assert.isTrue(seconds >= 90 && seconds < 95, String(seconds))
        })
      )

      it.effect("a turn that ends early has marked nothing", () =>
        Effect.gen(function* () {
          const { relay } = yield* Outbox
          yield* publishAll()
          const user = yield* newUser
          yield* rename(user, "1")
          assert.strictEqual(yield* Effect.flip(relay(entireOutbox, () => Effect.fail("no"))), "no")
          assert.deepStrictEqual(namesOf((yield* publishAll()).events), ["1"])
        })
      )
    })
  })
