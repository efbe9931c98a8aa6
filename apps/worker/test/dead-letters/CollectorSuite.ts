import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { answer, consumer, textOf } from "@user-service/broker/testing/Fresh"
import { deadStatuses, statusQueue } from "@user-service/broker/Topology"
import { type NewDeadLetter, DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Storage } from "@user-service/database/Storage"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import * as Collector from "@user-service/worker/dead-letters/Collector"
import { StoppingSettings } from "@user-service/worker/Stopping"
import { Duration, Effect, Exit, Layer, Ref, Scope } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { messageOf, publish, remainingStatuses } from "../deliveries/TestStatuses.ts"
import { waitUntil, layerEngines } from "../TestWork.ts"

const layerDeadLetters = DeadLetters.layer.pipe(
  Layer.provide([Digest.layerWebCrypto, SecureRandom.layerWebCrypto, Storage.layer])
)

/** Runs a collector until its scope closes, with a modified `keep`. */
const startWith = Effect.fnUntraced(function* (between: (keep: DeadLetters["Service"]["keep"]) => typeof keep) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const kept = Layer.effect(
    DeadLetters,
    Effect.map(DeadLetters, (letters) => ({ ...letters, keep: between(letters.keep) }))
  )
  const work = Collector.layerNoDeps.pipe(
    Layer.provide(kept),
    Layer.provide(layerDeadLetters),
    Layer.provide([Storage.layer, Layer.succeed(StoppingSettings, { finishWithin: Duration.minutes(5) })])
  )
  yield* Layer.buildWithScope(Layer.fresh(work), scope)
  return { close: Scope.close(scope, Exit.void) }
})
const start = startWith((keep) => keep)

const letterOf = (text: string, headers = {}) => ({ ...messageOf(text, headers), exchange: deadStatuses.name })

/** The stored dead letters, as text and reason. */
const kept = Effect.gen(function* () {
  const { contents, find } = yield* DeadLetters
  const letters = yield* find({}, 1000)
  const said = yield* contents(letters.map(({ id }) => id))
  return letters.map((letter, index) => [new TextDecoder().decode(said[index]?.body), letter.reason] as const)
})

const isKept = (...expected: ReadonlyArray<readonly [text: string, reason: string]>) =>
  Effect.map(kept, (all) => expected.every(([text, reason]) => all.some((one) => one[0] === text && one[1] === reason)))

/** The contract of the collector, over any engines. */
export const suite = <E, F>(
  name: string,
  database: Layer.Layer<SqlClient.SqlClient, E>,
  broker: Layer.Layer<Broker, F>,
  largest: number
) =>
  describe(name, () => {
    const engines = layerDeadLetters.pipe(Layer.provideMerge(layerEngines(database)), Layer.provideMerge(broker))
    it.layer(engines, { excludeTestServices: true })((it) => {
      it.effect("stores them with the service's reason, else the broker's, else none", () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()]
          const ours = letterOf(a, { "x-reason": "undecodable", "x-first-death-reason": "rejected" })
          yield* publish(ours, letterOf(c), messageOf(b))
          const statuses = yield* consumer(yield* Broker, statusQueue.name)
          yield* answer((yield* statuses.take(1))[0], "reject")
          yield* statuses.close
          yield* start
          yield* waitUntil(isKept([a, "undecodable"], [b, "rejected"], [c, "unknown"]))
          const [letter] = yield* find({ reason: "undecodable" }, 1)
          assert.deepStrictEqual(
            [letter?.queue, letter?.messageId, letter?.routingKey, letter?.size, letter?.isCut],
            [statusQueue.name, ours.messageId, ours.routingKey, a.length, false]
          )
        }).pipe(Effect.scoped)
      )

      it.effect("stores a message once that arrives twice or is not acknowledged", () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const reason = randomUUID()
          const letter = letterOf(randomUUID(), { "x-reason": reason })
          const tries = yield* Ref.make(0)
          const worker = yield* startWith(
            (keep) => (dead: ReadonlyArray<NewDeadLetter>) =>
              Effect.andThen(
                keep(dead),
                Effect.flatMap(
                  Ref.updateAndGet(tries, (n) => n + 1),
                  (n) =>
                    n < 3
                      ? Effect.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 }))
                      : Effect.void
                )
              )
          )
          const last = letterOf(randomUUID(), { "x-reason": `last ${reason}` })
          yield* publish(letter, letter, last)
          yield* waitUntil(Effect.map(find({ reason: `last ${reason}` }, 1), ({ length }) => length === 1))
          yield* waitUntil(Effect.map(Ref.get(tries), (n) => n >= 3))
          yield* worker.close
          assert.lengthOf(yield* find({ reason }, 10), 1)
        }).pipe(Effect.scoped)
      )

      it.effect("does not keep a dead letter that contains the id of an erased user", () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const sql = yield* SqlClient.SqlClient
          const [erased, other, reason] = [randomUUID(), randomUUID(), randomUUID()]
          yield* sql`insert into erasures (user_id, erased_at, finished_at) values (${erased}, now(), now())`
          yield* start
          yield* publish(
            letterOf(`{"user_id":"${erased.toUpperCase()}","email":"ada@example.org"}`, { "x-reason": reason }),
            letterOf("", { "x-reason": reason, subject: erased }),
            letterOf(`{"user_id":"${other}"}`, { "x-reason": reason }),
            letterOf("last", { "x-reason": `last ${reason}` })
          )
          yield* waitUntil(Effect.map(find({ reason: `last ${reason}` }, 1), ({ length }) => length === 1))
          yield* waitUntil(Effect.map(find({ reason }, 10), ({ length }) => length === 1))
          assert.isTrue(yield* isKept([`{"user_id":"${other}"}`, reason]))
        }).pipe(Effect.scoped)
      )

      it.effect(`stores a message of ${largest} bytes unchanged, among others`, () =>
        Effect.gen(function* () {
          const { find } = yield* DeadLetters
          const reason = randomUUID()
          const large = { ...letterOf("", { "x-reason": reason }), body: new Uint8Array(largest) }
          yield* start
          yield* publish(letterOf("1", { "x-reason": reason }), large, letterOf("2", { "x-reason": reason }))
          yield* waitUntil(Effect.map(find({ reason }, 10), ({ length }) => length === 3))
          assert.deepStrictEqual(
            (yield* find({ reason }, 10)).map(({ isCut, size }) => [size, isCut]),
            [
              [1, false],
              [large.body.length, false],
              [1, false]
            ]
          )
        }).pipe(Effect.scoped)
      )

      it.effect("returns none to its original queue", () =>
        Effect.gen(function* () {
          yield* publish(messageOf("sentinel"))
          const left = yield* (yield* remainingStatuses).take(1)
          assert.deepStrictEqual(left.map(textOf), ["sentinel"])
          yield* Effect.forEach(left, (delivery) => answer(delivery, "ackThrough"))
        }).pipe(Effect.scoped)
      )
    })
  })
