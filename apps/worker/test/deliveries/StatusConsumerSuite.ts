import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import type { Delivery } from "@user-service/broker/Delivery"
import type { Outcome } from "@user-service/broker/Message"
import { answer, textOf } from "@user-service/broker/testing/Fresh"
import { deadStatuses } from "@user-service/broker/Topology"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import * as StatusConsumer from "@user-service/worker/deliveries/StatusConsumer"
import { StoppingSettings } from "@user-service/worker/Stopping"
import { Storage } from "@user-service/database/Storage"
import { Array, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Ref, Scope, Stream, Tracer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { waitUntil, layerChanges, layerEngines, layerSettings, newUser } from "../TestWork.ts"
import {
  deadLetters,
  isLive,
  messageOf,
  newDevice,
  notificationOf,
  publish,
  resolvedMail,
  remainingStatuses,
  statusesOf,
  statusOf,
  reportStatuses
} from "./TestStatuses.ts"

type Report = DeliveryStatuses["Service"]["report"]

/** The real service with a modified `report`. */
const statusesBetween = (between: (report: Report) => Report) =>
  Layer.effect(
    DeliveryStatuses,
    Effect.map(DeliveryStatuses, ({ report }) => ({ report: between(report) }))
  )
const untouched = statusesBetween((report) => report)

/** Starts another consumer, until its scope closes. */
const startWith = Effect.fnUntraced(function* (between: Layer.Layer<DeliveryStatuses, never, DeliveryStatuses>) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const work = StatusConsumer.layerNoDeps.pipe(
    Layer.provide(between),
    Layer.provide(DeliveryStatuses.layer),
    Layer.provide([Digest.layerWebCrypto, SecureRandom.layerWebCrypto, Storage.layer]),
    Layer.provide(Layer.succeed(StoppingSettings, { finishWithin: Duration.minutes(5) })),
    Layer.provide(layerSettings)
  )
  yield* Layer.buildWithScope(Layer.fresh(work), scope)
  return { close: Scope.close(scope, Exit.void) }
})
const start = startWith(untouched)

const isStatus = (id: string, status: string) => Effect.map(statusOf(id), (now) => now === status)

const isAway = Effect.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 }))

const reasonOf = (letter: Delivery) => [textOf(letter), letter.message.headers["x-reason"]] as const

/** The contract of the status consumer, over any engines. */
export const suite = <E, F>(
  name: string,
  database: Layer.Layer<SqlClient.SqlClient, E>,
  broker: Layer.Layer<Broker, F>,
  most: number
) =>
  describe(name, () => {
    const engines = layerChanges.pipe(Layer.provideMerge(layerEngines(database)), Layer.provideMerge(broker))

    it.layer(engines, { excludeTestServices: true })((it) => {
      it.effect("in any order and repeated they result in the highest, also with several consumers", () =>
        Effect.gen(function* () {
          yield* Effect.replicateEffect(start, most)
          const user = yield* newUser
          const all = Array.makeBy(40, () => notificationOf(user))
          const order = ["sent", "opened", "pending", "delivered", "sent", "failed"]
          yield* reportStatuses(...order.flatMap((status) => all.map((notification) => ({ ...notification, status }))))
          const ids = all.map(({ notification_id }) => notification_id)
          yield* waitUntil(
            Effect.map(
              statusesOf(ids),
              (found) => found.size === 40 && [...found.values()].every((status) => status === "opened")
            )
          )
          yield* reportStatuses(...all.map((notification) => ({ ...notification, status: "sent" })))
          const last = notificationOf(user)
          yield* reportStatuses({ ...last, status: "bounced" })
          yield* waitUntil(isStatus(last.notification_id, "bounced"))
          assert.deepStrictEqual([...new Set((yield* statusesOf(ids)).values())], ["opened"])
        }).pipe(Effect.scoped)
      )

      it.effect(
        "a failed device is deactivated unless it was registered again, and a bounced address is suppressed",
        () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            yield* start
            const user = yield* newUser
            const gone = yield* newDevice(user, "2026-01-01T00:00:00Z")
            const back = yield* newDevice(user, "2026-03-01T00:00:00Z")
            const failed = { status: "failed", error_code: "UNREGISTERED", timestamp: "2026-02-01T00:00:00Z" }
            const mail = yield* resolvedMail(user)
            const complained = { ...mail, channel: "email", status: "complained" }
            yield* reportStatuses(
              { ...notificationOf(user), ...failed, push_token: gone.token },
              { ...notificationOf(user), ...failed, push_token_id: back.id.toUpperCase() },
              complained,
              complained
            )
            yield* waitUntil(isStatus(mail.notification_id, "complained"))
            assert.deepStrictEqual([yield* isLive(gone.id), yield* isLive(back.id)], [false, true])
            assert.deepStrictEqual(yield* sql`select reason from suppressions where user_id = ${user}`, [
              { reason: "complaint" }
            ])
            const events = yield* sql`
            select payload->>'tokenId' as id, payload->>'reason' as reason from outbox where user_id = ${user}`
            assert.deepStrictEqual(events, [{ id: gone.id, reason: "unregistered" }])
          }).pipe(Effect.scoped)
      )

      it.effect(
        "a status of a notification that was not resolved here is recorded, and suppresses no address and no token",
        () =>
          Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            yield* start
            const user = yield* newUser
            const device = yield* newDevice(user, "2026-01-01T00:00:00Z")
            const forged = [
              { ...notificationOf(user), channel: "email", status: "complained" },
              { ...notificationOf(user), status: "bounced", bounce_type: "hard" },
              { ...notificationOf(user), status: "failed", error_code: "UNREGISTERED", push_token_id: device.id },
              { notification_id: randomUUID(), status: "failed", error_code: "UNREGISTERED", push_token_id: device.id }
            ]
            yield* reportStatuses(...forged)
            yield* Effect.forEach(forged, ({ notification_id, status }) => waitUntil(isStatus(notification_id, status)))
            assert.isTrue(yield* isLive(device.id))
            assert.deepStrictEqual(yield* sql`select reason from suppressions where user_id = ${user}`, [])
          }).pipe(Effect.scoped)
      )

      it.effect(
        "an unreadable message becomes a dead letter, unchanged and with the reason, and the others are applied",
        () =>
          Effect.gen(function* () {
            const user = yield* newUser
            const [first, last] = [notificationOf(user), notificationOf(user)]
            const malformed = messageOf("{", { traceparent: "x", own: "a" })
            const large = messageOf(new Uint8Array(10 * 1024 * 1024))
            yield* publish(
              messageOf(JSON.stringify({ ...first, status: "sent" })),
              malformed,
              messageOf(new Uint8Array([0xff])),
              messageOf(JSON.stringify({ ...first, status: "read" })),
              large,
              messageOf(JSON.stringify({ ...last, status: "delivered" }))
            )
            yield* start
            yield* waitUntil(isStatus(last.notification_id, "delivered"))
            assert.strictEqual(yield* statusOf(first.notification_id), "sent")
            const letters = yield* (yield* deadLetters).take(4)
            assert.deepStrictEqual(
              letters.map(({ message }) => message.headers["x-reason"]),
              ["undecodable", "undecodable", "undecodable", "too_large"]
            )
            const { mandatory: _, ...sent } = malformed
            assert.deepStrictEqual(letters[0]?.message, {
              ...sent,
              exchange: deadStatuses.name,
              headers: { ...sent.headers, "x-reason": "undecodable" }
            })
            assert.deepStrictEqual(
              [letters[3]?.message.body.length, letters[3]?.message.messageId],
              [large.body.length, large.messageId]
            )
            yield* Effect.forEach(letters, (letter) => answer(letter, "ackThrough"))
          }).pipe(Effect.scoped)
      )

      it.effect(
        "a status of an unknown or another user becomes a dead letter, and one of an erased user is dropped",
        () =>
          Effect.gen(function* () {
            yield* start
            const [owner, other] = [yield* newUser, yield* newUser]
            const notification = notificationOf(owner)
            const unknown = { notification_id: randomUUID(), status: "sent" }
            const mismatched = { ...notification, user_id: other, status: "opened" }
            yield* reportStatuses(
              { ...notification, status: "sent" },
              { ...notificationOf(owner), user_id: randomUUID(), status: "sent" },
              unknown,
              mismatched
            )
            const letters = yield* (yield* deadLetters).take(2)
            assert.deepStrictEqual(letters.map(reasonOf), [
              [JSON.stringify(unknown), "unknown_notification"],
              [JSON.stringify(mismatched), "user_mismatch"]
            ])
            yield* Effect.forEach(letters, (letter) => answer(letter, "ackThrough"))
            assert.strictEqual(yield* statusOf(notification.notification_id), "sent")
          }).pipe(Effect.scoped)
      )

      it.effect("a status of nobody known becomes a dead letter without push token and texts of its sender", () =>
        Effect.gen(function* () {
          yield* start
          const [owner, other] = [yield* newUser, yield* newUser]
          const token = `gone-${randomUUID()}`
          const texts = { push_token: token, error: `no device ${token}`, recipient: "ada@example.org" }
          const unknown = { notification_id: randomUUID(), status: "failed", error_code: "UNREGISTERED" }
          const notification = notificationOf(owner)
          const mismatched = { ...notification, user_id: other, status: "opened" }
          yield* reportStatuses(
            { ...notification, status: "sent" },
            { ...unknown, ...texts },
            { ...texts, ...mismatched }
          )
          const letters = yield* (yield* deadLetters).take(2)
          assert.deepStrictEqual(letters.map(reasonOf), [
            [JSON.stringify(unknown), "unknown_notification"],
            [JSON.stringify(mismatched), "user_mismatch"]
          ])
          yield* Effect.forEach(letters, (letter) => answer(letter, "ackThrough"))
        }).pipe(Effect.scoped)
      )

      it.effect("a message that causes a defect becomes a dead letter, and does not affect others", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const user = yield* newUser
          const poison = notificationOf(user)
          yield* sql`
            create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`
          yield* sql.unsafe(`create trigger refuse before insert on deliveries for each row
            when (new.notification_id = '${poison.notification_id}') execute function refuse()`)
          yield* Effect.addFinalizer(() => Effect.orDie(sql`drop function refuse() cascade`))
          const good = Array.makeBy(30, () => notificationOf(user))
          const said = good.map((notification) => ({ ...notification, status: "sent" }))
          const broken = { ...poison, status: "sent" }
          yield* reportStatuses(...said.slice(0, 11), broken, ...said.slice(11))
          yield* start
          const letters = yield* (yield* deadLetters).take(1)
          assert.deepStrictEqual(letters.map(reasonOf), [[JSON.stringify(broken), "failed"]])
          yield* Effect.forEach(letters, (letter) => answer(letter, "ackThrough"))
          yield* waitUntil(
            Effect.map(statusesOf(good.map(({ notification_id }) => notification_id)), ({ size }) => size === 30)
          )
        }).pipe(Effect.scoped)
      )

      it.effect("while the database is unavailable they stay unacknowledged, and no delivery is counted", () =>
        Effect.gen(function* () {
          const real = yield* Broker
          const tries = yield* Ref.make(0)
          const isBack = yield* Ref.make(false)
          const handed: Array<string> = []
          const noting: Broker["Service"] = {
            ...real,
            consume: (queue, options) =>
              Stream.tap(real.consume(queue, options), (delivery) => Effect.sync(() => handed.push(textOf(delivery))))
          }
          const user = yield* newUser
          const notification = notificationOf(user)
          const worker = yield* startWith(
            statusesBetween(
              (report) => (reports) =>
                Ref.update(tries, (count) => count + 1).pipe(
                  Effect.andThen(Ref.get(isBack)),
                  Effect.flatMap((back) => (back ? report(reports) : isAway))
                )
            )
          ).pipe(Effect.provideService(Broker, noting))
          yield* reportStatuses({ ...notification, status: "sent" })
          yield* waitUntil(Effect.map(Ref.get(tries), (count) => count >= 4))
          assert.isUndefined(yield* statusOf(notification.notification_id))
          yield* Ref.set(isBack, true)
          yield* waitUntil(isStatus(notification.notification_id, "sent"))
          assert.lengthOf(handed, 1)
          yield* worker.close
          const sentinel = messageOf("sentinel")
          yield* publish(sentinel)
          const left = yield* (yield* remainingStatuses).take(1)
          assert.deepStrictEqual(left.map(textOf), ["sentinel"])
          yield* Effect.forEach(left, (delivery) => answer(delivery, "ackThrough"))
        }).pipe(Effect.scoped)
      )

      it.effect("a consumer that stops while the database is unavailable requeues its messages", () =>
        Effect.gen(function* () {
          const tried = yield* Deferred.make<void>()
          const user = yield* newUser
          const notification = notificationOf(user)
          const worker = yield* startWith(
            statusesBetween(() => () => Effect.andThen(Deferred.succeed(tried, undefined), isAway))
          )
          yield* reportStatuses({ ...notification, status: "sent" })
          yield* Deferred.await(tried)
          yield* worker.close
          yield* start
          yield* waitUntil(isStatus(notification.notification_id, "sent"))
        }).pipe(Effect.scoped)
      )

      it.effect("a consumer that stops completes and acknowledges its batch, and requeues the rest", () =>
        Effect.gen(function* () {
          const reporting = yield* Deferred.make<void>()
          const goOn = yield* Deferred.make<void>()
          const user = yield* newUser
          const first = { ...notificationOf(user), status: "sent" }
          const second = { ...notificationOf(user), status: "sent" }
          const worker = yield* startWith(
            statusesBetween(
              (report) => (reports) =>
                Deferred.succeed(reporting, undefined).pipe(
                  Effect.andThen(Deferred.await(goOn)),
                  Effect.andThen(report(reports))
                )
            )
          )
          yield* reportStatuses(first)
          yield* Deferred.await(reporting)
          yield* reportStatuses(second)
          const closing = yield* Effect.forkChild(worker.close)
          yield* Effect.yieldNow
          yield* Deferred.succeed(goOn, undefined)
          yield* Fiber.join(closing)
          assert.deepStrictEqual(
            [yield* statusOf(first.notification_id), yield* statusOf(second.notification_id)],
            ["sent", undefined]
          )
          const left = yield* (yield* remainingStatuses).take(1)
          assert.deepStrictEqual(left.map(textOf), [JSON.stringify(second)])
          yield* Effect.forEach(left, (delivery) => answer(delivery, "ackThrough"))
        }).pipe(Effect.scoped)
      )

      it.effect("a dead letter that is not confirmed is published again before its message is acknowledged", () =>
        Effect.gen(function* () {
          const real = yield* Broker
          const isLost = yield* Ref.make(true)
          const between: Broker["Service"] = {
            ...real,
            publishAll: (messages) =>
              Effect.flatMap(Ref.getAndSet(isLost, false), (lost) =>
                lost ? Effect.succeed(messages.map((): Outcome => "unconfirmed")) : real.publishAll(messages)
              )
          }
          const worker = yield* Effect.provideService(start, Broker, between)
          yield* publish(messageOf("not said"))
          const letters = yield* (yield* deadLetters).take(1)
          assert.deepStrictEqual(letters.map(reasonOf), [["not said", "undecodable"]])
          yield* Effect.forEach(letters, (letter) => answer(letter, "ackThrough"))
          assert.isFalse(yield* Ref.get(isLost))
          yield* worker.close
        }).pipe(Effect.scoped)
      )

      it.effect("a message of a sampled trace has a span, and other messages have none", () =>
        Effect.gen(function* () {
          const spans: Array<Tracer.Span> = []
          const native = yield* Effect.tracer
          const tracer = Tracer.make({
            span: (options) => {
              const span = native.span(options)
              spans.push(span)
              return span
            }
          })
          const user = yield* newUser
          const [traceId, quietId] = [randomUUID().replaceAll("-", ""), randomUUID().replaceAll("-", "")]
          const [traced, quiet, last] = [notificationOf(user), notificationOf(user), notificationOf(user)]
          const sent = (notification: object, headers = {}) =>
            messageOf(JSON.stringify({ ...notification, status: "sent" }), headers)
          yield* publish(
            sent(traced, { traceparent: `00-${traceId}-b7ad6b7169203331-01` }),
            sent(quiet, { traceparent: `00-${quietId}-b7ad6b7169203331-00` }),
            sent(last)
          )
          const worker = yield* Effect.provideService(start, Tracer.Tracer, tracer)
          yield* waitUntil(isStatus(last.notification_id, "sent"))
          yield* worker.close
          const [span, ...others] = spans.filter((span) => [traceId, quietId].includes(span.traceId))
          assert.lengthOf(others, 0)
          assert.deepStrictEqual(
            [span?.kind, Option.getOrUndefined(span?.parent ?? Option.none())?.spanId, span?.status._tag],
            ["consumer", "b7ad6b7169203331", "Ended"]
          )
          const batch = spans.filter(({ links }) => links.some((link) => link.span.spanId === span?.spanId))
          assert.lengthOf(batch, 1)
          assert.isTrue(
            spans.some(({ name, traceId }) => name === "DeliveryStatuses.report" && traceId === batch[0]?.traceId)
          )
        }).pipe(Effect.scoped)
      )
    })
  })
