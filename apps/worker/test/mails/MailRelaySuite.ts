import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { BrokerUnavailable } from "@user-service/broker/BrokerUnavailable"
import type { Outcome } from "@user-service/broker/Message"
import * as Worker from "@user-service/worker/Worker"
import { Array, DateTime, Effect, Layer, Metric } from "effect"
import { SqlClient } from "effect/sql"
import { allEvents, layerWithPublisher, listen, wholeTopology } from "../outbox/ReceivedEvents.ts"
import { layerChanges, layerEngines, layerSettings, newUser, rename, waitUntil, waitingEvents } from "../TestWork.ts"
import { listenForMails, mailRows, noticeFor, resetFor, send, topologyWith, waitingMails } from "./ReceivedMails.ts"

const work = Worker.layer.pipe(Layer.provide(layerSettings))

const inAnHour = Effect.map(DateTime.now, DateTime.add({ hours: 1 }))

/** The value of `mails_dropped_total` for resets of passwords. */
const droppedResets = Effect.map(Metric.snapshot, (metrics) =>
  metrics
    .filter(({ attributes, id }) => id === "mails_dropped_total" && attributes?.["type"] === "password_reset")
    .reduce((total, { state }) => total + ("count" in state ? Number(state.count) : 0), 0)
)

/** The contract of the relay of mails, over any database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>, most: number) => {
  const empty = SqlClient.SqlClient.use((sql) =>
    Effect.all([sql`delete from outbox`, sql`delete from mail_outbox`], { discard: true })
  )
  const withBroker =
    (broker: Layer.Layer<Broker>, workers = 1) =>
    <A, F, R>(test: Effect.Effect<A, F, R>) =>
      Effect.scoped(
        Effect.flatMap(Effect.andThen(empty, Layer.build(broker)), (context) =>
          Effect.provide(
            Effect.andThen(
              Effect.forEach(
                Array.makeBy(workers, () => Layer.fresh(work)),
                (one) => Layer.build(one),
                { discard: true }
              ),
              test
            ),
            context
          )
        )
      )

  describe(name, () => {
    it.layer(layerChanges.pipe(Layer.provideMerge(layerEngines(database))), { excludeTestServices: true })((it) => {
      it.effect("a mail is published once, and its content is gone from the table when the broker has it", () =>
        Effect.gen(function* () {
          const received = yield* listenForMails
          const users = yield* Effect.replicateEffect(newUser, 10)
          const expiresAt = yield* inAnHour
          yield* Effect.forEach(
            users,
            (user) => send(user, resetFor(user, `token of ${user}`, expiresAt), noticeFor(user)),
            {
              concurrency: "unbounded",
              discard: true
            }
          )
          yield* waitUntil(Effect.map(waitingMails, (count) => count === 0 && received.length >= 20))
          const rows = yield* mailRows
          assert.lengthOf(received, 20)
          assert.sameMembers(
            received.map(({ id }) => id),
            rows.map(({ id }) => id)
          )
          for (const { payload } of rows) assert.isNull(payload)
          for (const { body, id, routingKey } of received.filter(({ routingKey }) => routingKey === "password_reset")) {
            const user = String(body["user_id"])
            assert.deepStrictEqual<unknown>(
              { routingKey, body },
              {
                routingKey: "password_reset",
                body: {
                  user_id: user,
                  notification_id: id,
                  email: `${user}@example.org`,
                  token: `token of ${user}`,
                  expires_at: DateTime.formatIso(expiresAt),
                  language: "en"
                }
              }
            )
          }
        }).pipe(withBroker(Broker.layerMemory({ topology: topologyWith("password_reset", "email_changed") }), most))
      )

      it.effect("a mail that no queue takes waits, and delays neither events nor the mails that a queue takes", () => {
        const topology = topologyWith("email_changed")
        return Effect.gen(function* () {
          const mails = yield* listenForMails
          const events = yield* listen()
          const user = yield* newUser
          yield* send(user, resetFor(user, "t", yield* inAnHour))
          yield* waitUntil(Effect.map(mailRows, ([row]) => row !== undefined && row.attempts > 0))
          yield* rename(user, "1")
          yield* send(user, noticeFor(user))
          yield* waitUntil(Effect.map(waitingEvents, (count) => count === 0))
          yield* waitUntil(Effect.sync(() => mails.length === 1 && events.length === 1))
          assert.strictEqual(mails[0]?.routingKey, "email_changed")
          // The row is marked after the confirm, which may be later than the delivery.
          yield* waitUntil(Effect.map(mailRows, (rows) => rows.some(({ finished }) => finished)))
          const rows = yield* mailRows
          assert.deepStrictEqual(
            rows.map(({ finished, payload }) => ({ finished, hasContent: payload !== null })),
            [
              { finished: true, hasContent: false },
              { finished: false, hasContent: true }
            ]
          )
        }).pipe(
          withBroker(
            Broker.layerMemory({
              topology: {
                ...topology,
                queues: [...topology.queues, ...wholeTopology.queues.filter((queue) => queue.name === allEvents)]
              }
            })
          )
        )
      })

      it.effect("while the broker is away mails wait without an attempt, and go out when it is back", () => {
        let isAway = true
        const broker = layerWithPublisher(
          (publishAll) => (messages) =>
            isAway ? Effect.fail(new BrokerUnavailable({ reason: "away" })) : publishAll(messages),
          topologyWith("email_changed")
        )
        return Effect.gen(function* () {
          const received = yield* listenForMails
          const user = yield* newUser
          yield* send(user, noticeFor(user))
          yield* Effect.yieldNow
          assert.deepStrictEqual([yield* waitingMails, received.length], [1, 0])
          isAway = false
          yield* waitUntil(Effect.sync(() => received.length === 1))
          yield* waitUntil(Effect.map(waitingMails, (count) => count === 0))
          assert.strictEqual((yield* mailRows)[0]?.attempts, 0)
        }).pipe(withBroker(broker))
      })

      it.effect("what is published but not confirmed is published again under the same id", () => {
        let isLost = true
        const broker = layerWithPublisher(
          (publishAll) => (messages) =>
            Effect.map(publishAll(messages), (outcomes) => {
              if (!messages.some(({ exchange }) => exchange === "user_mail")) return outcomes
              const answers = isLost ? messages.map((): Outcome => "unconfirmed") : outcomes
              isLost = false
              return answers
            }),
          topologyWith("email_changed")
        )
        return Effect.gen(function* () {
          const received = yield* listenForMails
          const user = yield* newUser
          yield* send(user, noticeFor(user))
          yield* waitUntil(Effect.map(waitingMails, (count) => count === 0))
          yield* waitUntil(Effect.sync(() => received.length === 2))
          assert.deepStrictEqual(received[0], received[1])
        }).pipe(withBroker(broker))
      })

      it.effect("an expired mail is dropped: its content is gone, it is counted, and its delivery has failed", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const before = yield* droppedResets
          const user = yield* newUser
          yield* send(
            user,
            resetFor(user, "t", DateTime.subtract(yield* DateTime.now, { seconds: 1 })),
            noticeFor(user)
          )
          yield* waitUntil(Effect.map(mailRows, (rows) => rows.some(({ finished }) => finished)))
          const [waits, dropped] = yield* mailRows
          assert.deepInclude(dropped, { mailType: "PasswordResetMail", payload: null, finished: true, attempts: 0 })
          assert.deepInclude(waits, { mailType: "EmailChangedMail", finished: false })
          yield* waitUntil(Effect.map(droppedResets, (count) => count === before + 1))
          assert.deepStrictEqual(
            yield* sql`select status, error_code from deliveries where user_id = ${user} order by status`,
            [
              { status: "failed", error_code: "expired" },
              { status: "pending", error_code: null }
            ]
          )
        }).pipe(withBroker(Broker.layerMemory({ topology: wholeTopology })))
      )

      it.effect("a mail that this release cannot read waits, and delays no other", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const received = yield* listenForMails
          const user = yield* newUser
          yield* sql`
            insert into mail_outbox (id, user_id, mail_type, payload, created_at, next_attempt_at, expires_at)
            values (uuid_v7(), ${user}, 'PigeonMail', '{"_tag": "PigeonMail", "token": "secret"}', now(), now(),
              now() + interval '1 hour')`
          yield* send(user, noticeFor(user))
          yield* waitUntil(Effect.sync(() => received.length === 1))
          yield* waitUntil(Effect.map(waitingMails, (count) => count === 1))
          const [, unread] = yield* mailRows
          assert.deepInclude(unread, { mailType: "PigeonMail", finished: false })
        }).pipe(withBroker(Broker.layerMemory({ topology: topologyWith("email_changed") })))
      )
    })
  })
}
