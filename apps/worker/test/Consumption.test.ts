import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { outgoingMessage, textOf } from "@user-service/broker/testing/Fresh"
import type { Topology } from "@user-service/broker/Topology"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as Consumption from "@user-service/worker/Consumption"
import * as Stopping from "@user-service/worker/Stopping"
import { Duration, Effect, Latch, Layer, Ref } from "effect"
import { TestClock } from "effect/testing"

const topology: Topology = { exchanges: [], queues: [{ name: "queue", bindings: [], deliveryLimit: 20 }] }
const engines = Layer.merge(
  Broker.layerMemory({ topology }),
  Storage.layer.pipe(Layer.provide(TestDatabase.layerPgLite))
)

const publish = (...texts: ReadonlyArray<string>) =>
  Broker.use((broker) => broker.publishAll(texts.map((text) => outgoingMessage("", "queue", text))))

/** Consumes in the background with the given handler of batches. */
const start = (handle: Consumption.Consumption["handle"], batchLimit = 10) =>
  Effect.flatMap(Consumption.make({ queue: "queue", prefetch: 20, batchLimit, handle }), (consume) =>
    Effect.provideService(Stopping.fork([consume]), Stopping.StoppingSettings, { finishWithin: Duration.minutes(1) })
  )

const away = Effect.fail({ message: "away" })

describe("what comes into a queue", () => {
  it.layer(Layer.fresh(engines))((it) => {
    it.effect("is handled in order, with a limited number at once", () =>
      Effect.gen(function* () {
        const batches: Array<ReadonlyArray<string>> = []
        const done = yield* Latch.make()
        yield* publish(..."abcdefgh")
        yield* start((batch) => {
          batches.push(batch.map(textOf))
          return batches.flat().length === 8 ? Effect.asVoid(done.open) : Effect.void
        }, 3)
        yield* done.await
        assert.deepStrictEqual(batches.flat(), [..."abcdefgh"])
        assert.isAtMost(Math.max(...batches.map(({ length }) => length)), 3)
      })
    )

    it.effect("is kept while an engine is unavailable, and requeued after twenty minutes", () =>
      Effect.gen(function* () {
        const tries = yield* Ref.make(0)
        const counts: Array<number> = []
        const again = yield* Latch.make()
        yield* publish("a")
        yield* start((batch, retryUntilStopped) => {
          counts.push(batch[0].deliveryCount)
          return counts.length === 1
            ? retryUntilStopped(
                Effect.andThen(
                  Ref.update(tries, (n) => n + 1),
                  away
                )
              )
            : Effect.asVoid(again.open)
        })
        yield* TestClock.adjust("19 minutes")
        assert.deepStrictEqual(counts, [0])
        // No more often than every one and a half seconds, and no less than every three.
        assert.isAtMost(yield* Ref.get(tries), 19 * 40 + 10)
        assert.isAtLeast(yield* Ref.get(tries), 19 * 20)
        yield* TestClock.adjust("2 minutes")
        yield* again.await
        assert.deepStrictEqual(counts, [0, 1])
      })
    )

    it.effect("is handled again after an unexpected failure", () =>
      Effect.gen(function* () {
        const counts: Array<number> = []
        const again = yield* Latch.make()
        yield* publish("a")
        yield* start((batch) => {
          counts.push(batch[0].deliveryCount)
          return counts.length === 1 ? Effect.die("a mistake") : Effect.asVoid(again.open)
        })
        yield* TestClock.adjust("1 minute")
        yield* again.await
        assert.deepStrictEqual(counts, [0, 1])
      })
    )
  })
})
