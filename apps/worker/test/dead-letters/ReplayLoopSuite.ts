import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { BrokerUnavailable } from "@user-service/broker/BrokerUnavailable"
import { answer, textOf } from "@user-service/broker/testing/Fresh"
import { statusQueue } from "@user-service/broker/Topology"
import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Storage } from "@user-service/database/Storage"
import * as ReplayLoop from "@user-service/worker/dead-letters/ReplayLoop"
import { StoppingSettings } from "@user-service/worker/Stopping"
import { Array, Duration, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { messageOf, publish, remainingStatuses } from "../deliveries/TestStatuses.ts"
import { layerEngines, waitUntil } from "../TestWork.ts"

const layerDeadLetters = DeadLetters.layer.pipe(
  Layer.provide([Digest.layerWebCrypto, SecureRandom.layerWebCrypto, Storage.layer])
)

const work = ReplayLoop.layerNoDeps.pipe(
  Layer.provide([layerDeadLetters, Layer.succeed(StoppingSettings, { finishWithin: Duration.minutes(5) })])
)

/** Runs as many workers until the scope closes. */
const start = (workers = 1) =>
  Effect.forEach(
    Array.makeBy(workers, () => Layer.fresh(work)),
    (one) => Layer.build(one),
    { discard: true }
  )

/** Stores a letter of this text, and returns its id. */
const letterOf = Effect.fnUntraced(function* (text: string, { queue = statusQueue.name, requested = true } = {}) {
  const { find, keep } = yield* DeadLetters
  const sql = yield* SqlClient.SqlClient
  const reason = randomUUID()
  const headers = { "x-reason": "failed", "x-death": [], "x-first-death-queue": "q", traceparent: "t" }
  const body = new TextEncoder().encode(text)
  yield* keep([
    { queue, reason, routingKey: "k", headers, body, messageId: `of ${text.slice(0, 50)}`, contentType: "text/x" }
  ])
  const [letter] = yield* find({ reason }, 1)
  if (letter === undefined) return yield* Effect.die("The letter was not stored")
  if (requested) yield* sql`update dead_letters set replay_requested_at = now() where id = ${letter.id}`
  return letter.id
})

/** Takes this many messages from the queue. */
const receive = Effect.fnUntraced(function* (count: number) {
  const deliveries = yield* (yield* remainingStatuses).take(count)
  yield* answer(deliveries.at(-1), "ackThrough")
  return deliveries
})

const isGone = (ids: ReadonlyArray<string>) =>
  DeadLetters.use(({ find }) => Effect.map(find({ ids }, 100), ({ length }) => length === 0))

/** The contract of the loop, over any engines. */
export const suite = <E, F>(
  name: string,
  database: Layer.Layer<SqlClient.SqlClient, E>,
  broker: Layer.Layer<Broker, F>,
  workers: number
) =>
  describe(name, () => {
    const engines = layerDeadLetters.pipe(Layer.provideMerge(layerEngines(database)), Layer.provideMerge(broker))
    it.layer(engines, { excludeTestServices: true })((it) => {
      it.effect("publish a requested letter unchanged to its queue and delete it, and leave the others", () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const other = yield* letterOf("other", { requested: false })
          const requested = yield* letterOf("requested")
          yield* start()
          yield* waitUntil(isGone([requested]))
          yield* publish(messageOf("sentinel"))
          const received = yield* receive(2)
          assert.deepStrictEqual(received.map(textOf), ["requested", "sentinel"])
          assert.deepInclude(received[0]?.message, {
            headers: { traceparent: "t" },
            messageId: "of requested",
            contentType: "text/x"
          })
          assert.lengthOf(yield* find({ ids: [other] }, 1), 1)
        }).pipe(Effect.scoped)
      )

      it.effect("publish each of many letters once, however many workers run", () =>
        Effect.gen(function* () {
          const texts = Array.makeBy(60, (n) => `letter ${n}`)
          const ids = yield* Effect.forEach(texts, (text) => letterOf(text))
          yield* start(workers)
          yield* waitUntil(isGone(ids))
          yield* publish(messageOf("last"))
          const received = yield* receive(texts.length + 1)
          assert.sameMembers(received.map(textOf), [...texts, "last"])
        }).pipe(Effect.scoped)
      )

      it.effect("keep a letter that no queue takes, and publish those behind it", () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const lost = yield* letterOf("lost", { queue: "no-such-queue" })
          const behind = yield* letterOf("behind")
          yield* start()
          yield* waitUntil(isGone([behind]))
          const [letter] = yield* find({ ids: [lost] }, 1)
          assert.isNotNull(letter?.replayRequestedAt)
          assert.deepStrictEqual((yield* receive(1)).map(textOf), ["behind"])
          yield* DeadLetters.use(({ remove }) => remove([lost]))
        }).pipe(Effect.scoped)
      )

      it.effect("publish the largest letter that is stored whole, and those behind it", () =>
        Effect.gen(function* () {
          const size = 16 * 1024 * 1024
          const ids = [yield* letterOf("x".repeat(size)), yield* letterOf("after it")]
          yield* start()
          yield* waitUntil(isGone(ids))
          const [large, small] = yield* receive(2)
          assert.strictEqual(large?.message.body.length, size)
          assert.strictEqual(small === undefined ? undefined : textOf(small), "after it")
        }).pipe(Effect.scoped)
      )

      it.effect("wait for the broker", () =>
        Effect.gen(function* () {
          const real = yield* Broker
          let attempts = 0
          const id = yield* letterOf("patient")
          const unavailable = Layer.succeed(Broker, {
            ...real,
            publishAll: (messages: Parameters<typeof real.publishAll>[0]) =>
              ++attempts < 3 ? Effect.fail(new BrokerUnavailable({ reason: "away" })) : real.publishAll(messages)
          })
          yield* Layer.build(Layer.fresh(work).pipe(Layer.provide(unavailable)))
          yield* waitUntil(isGone([id]))
          assert.strictEqual(attempts, 3)
          assert.deepStrictEqual((yield* receive(1)).map(textOf), ["patient"])
        }).pipe(Effect.scoped)
      )

      it.effect("do not repeat a letter whose message was dead-lettered again", () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const reason = randomUUID()
          const sql = yield* SqlClient.SqlClient
          const before = yield* letterOf(reason)
          const letter = { queue: statusQueue.name, routingKey: "k", headers: {}, messageId: `of ${reason}` }
          yield* DeadLetters.use(({ keep }) =>
            keep([{ ...letter, reason, body: new TextEncoder().encode(reason), contentType: "text/x" }])
          )
          const [again] = yield* find({ reason }, 1)
          assert.notStrictEqual(again?.id, before)
          assert.isNull(again?.replayRequestedAt)
          assert.deepStrictEqual(yield* sql`select 1 from dead_letters where replay_requested_at is not null`, [])
        }).pipe(Effect.scoped)
      )
    })
  })
