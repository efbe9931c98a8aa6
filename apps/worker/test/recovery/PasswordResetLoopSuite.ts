import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { outboxChannel } from "@user-service/core/changes/OutboxSignal"
import { PasswordResetRequestsRepo } from "@user-service/core/recovery/PasswordResetRequestsRepo"
import type { UserId } from "@user-service/domain/User"
import * as Worker from "@user-service/worker/Worker"
import { Array, DateTime, Deferred, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { layerEngines, layerSettings, newUser, waitUntil } from "../TestWork.ts"

const work = Worker.layer.pipe(Layer.provide([layerSettings, Broker.layerMemory(Worker.brokerSettings)]))

/** What the API does for a request, up to the signal. */
const request = Effect.fnUntraced(function* (email: string) {
  const sql = yield* SqlClient.SqlClient
  const repo = yield* PasswordResetRequestsRepo
  yield* repo.insert({ spelling: email, canonical: email }, yield* DateTime.now)
  yield* sql`select pg_notify(${outboxChannel}, '')`
})

const newReader = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const id = yield* newUser
  yield* sql`
    insert into profiles (id, user_id, language, created_at, updated_at) values (uuid_v7(), ${id}, 'de', now(), now())`
  return id
})

const addressOf = (id: UserId) => `${id}@example.org`

const waiting = SqlClient.SqlClient.use((sql) =>
  Effect.map(sql`select 1 from password_reset_requests`, (rows) => rows.length)
)

/** Locks the users for other transactions until the scope closes. */
const lock = Effect.fnUntraced(function* (users: ReadonlyArray<UserId>) {
  const sql = yield* SqlClient.SqlClient
  const locked = yield* Deferred.make<void>()
  yield* Effect.forkScoped(
    sql.withTransaction(
      sql`select 1 from users where id = any(${users}::uuid[]) for update`.pipe(
        Effect.andThen(Deferred.succeed(locked, undefined)),
        // Statements, because the server ends a transaction that is idle.
        Effect.andThen(Effect.repeat(sql`select 1`, Schedule.spaced("1 second")))
      )
    )
  )
  yield* Deferred.await(locked)
})

const mailsTo = (id: UserId) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql`select 1 from mail_outbox where user_id = ${id} and mail_type = 'PasswordResetMail'`,
      (rows) => rows.length
    )
  )

/** The contract of the loop, over any database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>, most: number) =>
  describe(name, () => {
    it.layer(PasswordResetRequestsRepo.layer.pipe(Layer.provideMerge(layerEngines(database))), {
      excludeTestServices: true
    })((it) => {
      it.effect(
        "each request of an active account gets one mail, however many workers run, and no other request does",
        () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const readers = yield* Effect.replicateEffect(newReader, 20)
            const disabled = yield* newReader
            yield* sql`update users set is_active = false where id = ${disabled}`
            yield* Effect.forEach(readers.slice(0, 10), (id) => request(addressOf(id)))
            yield* Effect.forEach(
              Array.makeBy(most, () => Layer.fresh(work)),
              (one) => Layer.build(one)
            )
            yield* Effect.forEach(readers.slice(10), (id) => request(addressOf(id)), { concurrency: 5 })
            yield* request("nobody@example.org")
            yield* request(addressOf(disabled))
            yield* waitUntil(Effect.map(waiting, (count) => count === 0))
            assert.deepStrictEqual(
              yield* Effect.forEach(readers, mailsTo),
              readers.map(() => 1)
            )
            assert.strictEqual(yield* mailsTo(disabled), 0)
            const tokens = yield* sql`select email from one_time_tokens where purpose = 'password_reset'`
            assert.sameMembers(
              tokens.map((row) => row["email"]),
              readers.map(addressOf)
            )
          })
      )

      it.effect("a request that fails is dropped, and those behind it are handled", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const [broken, reader] = [yield* newReader, yield* newReader]
          // No code writes such an address, so its user cannot be sent a mail.
          yield* sql`alter table one_time_tokens add constraint broken check (email not like ${sql.literal(`'${broken}%'`)})`
          yield* request(addressOf(broken))
          yield* request(addressOf(reader))
          yield* Layer.build(Layer.fresh(work))
          yield* waitUntil(Effect.map(waiting, (count) => count === 0))
          yield* sql`alter table one_time_tokens drop constraint broken`
          assert.deepStrictEqual([yield* mailsTo(broken), yield* mailsTo(reader)], [0, 1])
        })
      )

      // The embedded database has one connection: no other could listen, or hold a row.
      if (most === 1) return

      it.effect("a worker has one connection that listens", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          // Statements on other connections are followed by others, so that only those that listen still show it.
          const listening = Effect.map(
            sql`select 1 from pg_stat_activity where datname = current_database() and query ilike 'listen %'`,
            (rows) => rows.length
          )
          yield* Layer.build(Layer.fresh(work))
          yield* waitUntil(Effect.map(listening, (count) => count > 0))
          const [user, reader] = [yield* newReader, yield* newReader]
          yield* request(addressOf(user))
          yield* waitUntil(Effect.map(mailsTo(user), (count) => count === 1))
          yield* request(addressOf(reader))
          yield* waitUntil(Effect.map(mailsTo(reader), (count) => count === 1))
          assert.strictEqual(yield* listening, 1)
        })
      )

      it.effect(
        "requests of users whose rows are locked wait, and those behind them do not, however many they are",
        () =>
          Effect.gen(function* () {
            // More than the loop handles at a time.
            const locked = yield* Effect.replicateEffect(newReader, 110)
            const reader = yield* newReader
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* lock(locked)
                yield* Effect.forEach([...locked, reader], (id) => request(addressOf(id)))
                yield* Layer.build(Layer.fresh(work))
                yield* waitUntil(Effect.map(mailsTo(reader), (count) => count === 1))
                assert.strictEqual(yield* waiting, 110)
                const backlog = yield* PasswordResetRequestsRepo.use((repo) => repo.waiting(1000))
                assert.deepInclude(backlog, { waiting: 110 })
              })
            )
            yield* Layer.build(Layer.fresh(work))
            yield* waitUntil(Effect.map(waiting, (count) => count === 0))
            assert.deepStrictEqual(
              yield* Effect.forEach(locked, mailsTo),
              locked.map(() => 1)
            )
          })
      )
    })
  })
