import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Layer, Stream } from "effect"
import { type Broker } from "../Broker.ts"
import type { Topology } from "../Topology.ts"
import { suite as deadLetters } from "./BrokerDeadLettersSuite.ts"
import { suite as publishing } from "./BrokerPublishingSuite.ts"
import { answer, consumer, makeSetUp, textOf } from "./Fresh.ts"

/** What every `Broker` promises. `layerOf` makes one with a topology of the test's own, all on what `shared` has. */
export const suite = <R, E>(
  name: string,
  shared: Layer.Layer<R, E>,
  layerOf: (topology: Topology) => Layer.Layer<Broker, never, R>
) => {
  const setUp = makeSetUp(layerOf)

  describe(name, () => {
    it.layer(shared, { excludeTestServices: true })((it) => {
      publishing(it, setUp)
      deadLetters(it, setUp)

      describe("consuming", () => {
        it.effect("a chunk is all that has come, so that it is one batch", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            yield* publish(...["1", "2", "3", "4"].map((text) => order(text)))
            const sizes: Array<number> = []
            yield* broker.consume(orders, { prefetch: 100 }).pipe(
              Stream.chunks,
              Stream.tap((chunk) => Effect.sync(() => sizes.push(chunk.length))),
              Stream.takeUntil(() => sizes.reduce((sum, size) => sum + size, 0) === 4),
              Stream.runDrain
            )
            assert.isBelow(sizes.length, 4)
          })
        )

        it.effect(
          "one acknowledgement answers all before it, and only what is left comes again, marked and in order",
          () =>
            Effect.gen(function* () {
              const { broker, order, orders, publish } = yield* setUp
              yield* publish(...["1", "2", "3", "4", "5"].map((text) => order(text)))
              const first = yield* consumer(broker, orders)
              const deliveries = yield* first.take(5)
              yield* answer(deliveries[2], "ackThrough")
              yield* first.close
              const second = yield* consumer(broker, orders)
              const again = yield* second.take(2)
              assert.deepStrictEqual(
                again.map((delivery) => [textOf(delivery), delivery.redelivered, delivery.deliveryCount]),
                [
                  ["4", true, 1],
                  ["5", true, 1]
                ]
              )
            })
        )

        it.effect("what is requeued comes again before what is still to come, and counts", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            yield* publish(order("1"), order("2"))
            const { take } = yield* consumer(broker, orders, 1)
            const [one] = yield* take(1)
            yield* answer(one, "requeue")
            const [again] = yield* take(1)
            assert.deepStrictEqual(again && [textOf(again), again.redelivered, again.deliveryCount], ["1", true, 1])
            yield* answer(again, "ackThrough")
            assert.deepStrictEqual((yield* take(1)).map(textOf), ["2"])
          })
        )

        it.effect("a consumer has no more in hand than its prefetch", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            yield* publish(...["1", "2", "3", "4"].map((text) => order(text)))
            const greedy = yield* consumer(broker, orders, 2)
            const [, two] = yield* greedy.take(2)
            const other = yield* consumer(broker, orders, 100)
            assert.deepStrictEqual((yield* other.take(2)).map(textOf), ["3", "4"])
            yield* answer(two, "ackThrough")
            yield* publish(order("5"), order("6"), order("7"))
            const got = [...(yield* greedy.take(1)), ...(yield* other.take(1))]
            assert.deepStrictEqual(got.map(textOf).toSorted(), ["5", "6"])
          })
        )

        it.effect("two consumers share what comes, each message for one of them", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            const one = yield* consumer(broker, orders, 50)
            const two = yield* consumer(broker, orders, 50)
            const texts = Array.from({ length: 100 }, (_, index) => String(index))
            yield* publish(...texts.map((text) => order(text)))
            const got = [...(yield* one.take(50)), ...(yield* two.take(50))].map(textOf)
            assert.deepStrictEqual(new Set(got), new Set(texts))
          })
        )

        it.effect("what a consumer that is interrupted had in hand goes to the next", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            yield* publish(order("1"))
            const handling = yield* Deferred.make<void>()
            const fiber = yield* broker.consume(orders, { prefetch: 10 }).pipe(
              Stream.runForEach(() => Effect.andThen(Deferred.succeed(handling, undefined), Effect.never)),
              Effect.forkChild
            )
            yield* Deferred.await(handling)
            yield* Fiber.interrupt(fiber)
            const { take } = yield* consumer(broker, orders)
            assert.deepStrictEqual((yield* take(1)).map(textOf), ["1"])
          })
        )

        it.effect("an answer that comes twice, or too late, does nothing", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            yield* publish(order("1"), order("2"), order("3"))
            const first = yield* consumer(broker, orders)
            const [one, two, three] = yield* first.take(3)
            yield* answer(two, "ackThrough")
            for (const late of [one, two]) {
              yield* answer(late, "ackThrough")
              yield* answer(late, "requeue")
              yield* answer(late, "reject")
            }
            yield* publish(order("4"))
            assert.deepStrictEqual((yield* first.take(1)).map(textOf), ["4"])
            yield* first.close
            yield* answer(three, "ackThrough")
            const second = yield* consumer(broker, orders)
            assert.deepStrictEqual((yield* second.take(2)).map(textOf), ["3", "4"])
          })
        )

        it.effect("one acknowledgement skips what was answered otherwise, be it the last", () =>
          Effect.gen(function* () {
            const { broker, dead, order, orders, publish } = yield* setUp
            yield* publish(order("1"), order("2"), order("3"))
            const first = yield* consumer(broker, orders)
            const [one, , three] = yield* first.take(3)
            yield* answer(one, "reject")
            yield* answer(three, "reject")
            yield* answer(three, "ackThrough")
            yield* first.close
            yield* publish(order("4"))
            const second = yield* consumer(broker, orders)
            assert.deepStrictEqual((yield* second.take(1)).map(textOf), ["4"])
            const { take } = yield* consumer(broker, dead)
            assert.deepStrictEqual((yield* take(2)).map(textOf).toSorted(), ["1", "3"])
          })
        )
      })
    })
  })
}
