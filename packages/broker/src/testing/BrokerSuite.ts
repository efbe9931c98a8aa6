import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Layer, Stream } from "effect"
import { type Broker } from "../Broker.ts"
import type { Topology } from "../Topology.ts"
import { suite as deadLetters } from "./BrokerDeadLettersSuite.ts"
import { suite as publishing } from "./BrokerPublishingSuite.ts"
import { answer, consumer, makeSetUp, textOf } from "./Fresh.ts"

/** The contract of a `Broker`. `layerOf` makes a broker with a topology for one test, over the services of `shared`. */
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
        it.effect("a chunk holds all deliveries that have arrived", () =>
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
          "an acknowledgement covers all earlier deliveries; the others are redelivered in order, marked as such",
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

        it.effect("a requeued message is redelivered before waiting ones, and its delivery count grows", () =>
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

        it.effect("a consumer has at most `prefetch` unacknowledged messages", () =>
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

        it.effect("two consumers share a queue, each message goes to one of them", () =>
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

        it.effect("the unacknowledged messages of an interrupted consumer go to the next", () =>
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

        it.effect("a second or late acknowledgement, requeue or reject does nothing", () =>
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

        it.effect("an acknowledgement skips rejected messages, even its own", () =>
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
