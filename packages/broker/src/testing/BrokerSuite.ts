import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { Broker } from "../Broker.ts"
import type { Outgoing } from "../Message.ts"
import type { Topology } from "../Topology.ts"
import { answer, consumer, freshTopology, outgoing, textOf } from "./Fresh.ts"

/** What every `Broker` promises. `layerOf` makes one with a topology of the test's own, all on what `shared` has. */
export const suite = <R, E>(
  name: string,
  shared: Layer.Layer<R, E>,
  layerOf: (topology: Topology) => Layer.Layer<Broker, never, R>
) => {
  const setUp = Effect.gen(function* () {
    const fresh = freshTopology()
    const broker = Context.get(yield* Layer.build(layerOf(fresh.topology)), Broker)
    const order = (text: string, routingKey = "order.placed") => outgoing(fresh.topic, routingKey, text)
    const publish = (...messages: ReadonlyArray<Outgoing>) =>
      Effect.map(broker.publishAll(messages), (outcomes) =>
        assert.deepStrictEqual(
          outcomes,
          messages.map(() => "confirmed" as const)
        )
      )
    return { ...fresh, broker, order, publish }
  })

  describe(name, () => {
    it.layer(shared, { excludeTestServices: true })((it) => {
      describe("publishing", () => {
        it.effect("a message arrives whole", () =>
          Effect.gen(function* () {
            const { broker, orders, publish, topic } = yield* setUp
            const sent = {
              exchange: topic,
              routingKey: "order.placed",
              body: new Uint8Array([0, 1, 2, 255]),
              contentType: "application/json",
              messageId: "0199-1",
              timestamp: DateTime.makeUnsafe("2026-11-24T10:11:12.345Z"),
              priority: 5,
              persistent: true,
              headers: {
                "cloudEvents:id": "0199-1",
                n: 70_000,
                part: 0.5,
                yes: true,
                nothing: null,
                bytes: new Uint8Array([1, 2]),
                list: ["a", 1],
                table: { deep: { er: "b" } }
              }
            }
            yield* publish(sent)
            const { take } = yield* consumer(broker, orders)
            const [delivery] = yield* take(1)
            assert.deepStrictEqual(delivery?.message, {
              ...sent,
              timestamp: DateTime.makeUnsafe("2026-11-24T10:11:12Z")
            })
            assert.deepStrictEqual([delivery?.redelivered, delivery?.deliveryCount], [false, 0])
          })
        )

        it.effect("one with nothing but a body arrives with nothing else", () =>
          Effect.gen(function* () {
            const { broker, orders, publish, topic } = yield* setUp
            const sent = {
              exchange: topic,
              routingKey: "order",
              body: new Uint8Array(),
              persistent: false,
              headers: {}
            }
            yield* publish(sent)
            const { take } = yield* consumer(broker, orders)
            assert.deepStrictEqual((yield* take(1))[0]?.message, sent)
          })
        )

        it.effect("messages arrive in the order they were published in, over several batches", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            const texts = Array.from({ length: 3000 }, (_, index) => String(index))
            yield* publish(...texts.slice(0, 2500).map((text) => order(text)))
            yield* publish(...texts.slice(2500).map((text) => order(text)))
            const { take } = yield* consumer(broker, orders, 5000)
            assert.deepStrictEqual((yield* take(3000)).map(textOf), texts)
          })
        )

        it.effect("a topic goes by the words of the key, and a queue bound twice over gets a message once", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            const keys = [
              "order",
              "order.placed",
              "cart.placed",
              "placed",
              "orders.x",
              "a.b.placed",
              "order.a.b",
              "order.end"
            ]
            yield* publish(...keys.map((key) => order(key, key)))
            const { take } = yield* consumer(broker, orders)
            assert.deepStrictEqual((yield* take(5)).map(textOf), [
              "order",
              "order.placed",
              "cart.placed",
              "order.a.b",
              "order.end"
            ])
          })
        )

        it.effect("a direct exchange goes by the very key, and the nameless one by the queue's name", () =>
          Effect.gen(function* () {
            const { broker, direct, mail, publish } = yield* setUp
            yield* publish(
              outgoing(direct, "mail", "1"),
              outgoing(direct, "mail.x", "2"),
              outgoing("", mail, "3"),
              outgoing(direct, "#", "4"),
              outgoing(direct, "mail", "5")
            )
            const { take } = yield* consumer(broker, mail)
            assert.deepStrictEqual((yield* take(3)).map(textOf), ["1", "3", "5"])
          })
        )

        it.effect("what nobody is bound for is confirmed and dropped, and reported where it is mandatory", () =>
          Effect.gen(function* () {
            const { broker, direct, order } = yield* setUp
            const nowhere = outgoing(direct, "nobody", "a")
            assert.deepStrictEqual(
              yield* broker.publishAll([
                nowhere,
                { ...nowhere, mandatory: true },
                { ...order("b"), mandatory: true },
                { ...nowhere, mandatory: true },
                nowhere
              ]),
              ["confirmed", "unroutable", "confirmed", "unroutable", "confirmed"]
            )
          })
        )

        it.effect("nothing to publish is no work", () =>
          Effect.gen(function* () {
            const { broker } = yield* setUp
            assert.deepStrictEqual(yield* broker.publishAll([]), [])
          })
        )

        it.effect("what goes to an exchange that is not there is not confirmed, and holds up nothing after it", () =>
          Effect.gen(function* () {
            const { broker, order, orders, publish } = yield* setUp
            const [outcome] = yield* broker.publishAll([outgoing("missing", "a", "lost")])
            assert.strictEqual(outcome, "unconfirmed")
            yield* publish(order("next"))
            const { take } = yield* consumer(broker, orders)
            assert.deepStrictEqual((yield* take(1)).map(textOf), ["next"])
          })
        )

        it.effect("many publish at once, each with its own answers", () =>
          Effect.gen(function* () {
            const { broker, direct, order, orders } = yield* setUp
            const batches = Array.from({ length: 20 }, (_, index) => [
              order(String(index)),
              { ...outgoing(direct, "nobody", String(index)), mandatory: true }
            ])
            const outcomes = yield* Effect.forEach(batches, broker.publishAll, { concurrency: "unbounded" })
            assert.isTrue(outcomes.every(([one, two]) => one === "confirmed" && two === "unroutable"))
            const { take } = yield* consumer(broker, orders)
            assert.deepStrictEqual(
              new Set((yield* take(20)).map(textOf)),
              new Set(batches.map((_, index) => String(index)))
            )
          })
        )
      })

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

      describe("dead letters", () => {
        it.effect("what is rejected is a dead letter that says where it died, and is otherwise as it was", () =>
          Effect.gen(function* () {
            const { broker, dead, order, orders, publish, topic } = yield* setUp
            const sent = { ...order("1"), headers: { "x-own": "a" }, priority: 3 }
            yield* publish(sent)
            const { take } = yield* consumer(broker, orders)
            yield* answer((yield* take(1))[0], "reject")
            const [letter] = yield* (yield* consumer(broker, dead)).take(1)
            const { headers = {}, ...rest } = letter?.message ?? {}
            assert.deepStrictEqual({ ...rest, headers: sent.headers }, { ...sent, exchange: dead })
            const [death] = Array.isArray(headers["x-death"]) ? headers["x-death"] : []
            assert.deepInclude(headers, {
              "x-own": "a",
              "x-first-death-exchange": topic,
              "x-first-death-queue": orders,
              "x-first-death-reason": "rejected"
            })
            assert.deepInclude(death, {
              count: 1,
              reason: "rejected",
              queue: orders,
              exchange: topic,
              "routing-keys": ["order.placed"]
            })
          })
        )

        it.effect("what comes back once too often is a dead letter", () =>
          Effect.gen(function* () {
            const { broker, dead, order, orders, publish } = yield* setUp
            yield* publish(order("1"), order("2"))
            const { take } = yield* consumer(broker, orders, 1)
            for (const count of [0, 1, 2]) {
              const [delivery] = yield* take(1)
              assert.deepStrictEqual(delivery && [textOf(delivery), delivery.deliveryCount], ["1", count])
              yield* answer(delivery, "requeue")
            }
            assert.deepStrictEqual((yield* take(1)).map(textOf), ["2"])
            const [letter] = yield* (yield* consumer(broker, dead)).take(1)
            assert.strictEqual(letter && textOf(letter), "1")
            assert.strictEqual(letter?.message.headers["x-first-death-reason"], "delivery_limit")
          })
        )

        it.effect("consumers that go count too, so what kills each of them dies at last", () =>
          Effect.gen(function* () {
            const { broker, dead, order, orders, publish } = yield* setUp
            yield* publish(order("1"))
            for (const count of [0, 1, 2]) {
              const { close, take } = yield* consumer(broker, orders)
              assert.deepStrictEqual(
                (yield* take(1)).map((delivery) => delivery.deliveryCount),
                [count]
              )
              yield* close
            }
            assert.deepStrictEqual((yield* (yield* consumer(broker, dead)).take(1)).map(textOf), ["1"])
          })
        )

        it.effect("where a queue has no dead letters, what is rejected is gone", () =>
          Effect.gen(function* () {
            const { broker, direct, mail, publish } = yield* setUp
            yield* publish(outgoing(direct, "mail", "1"), outgoing(direct, "mail", "2"))
            const first = yield* consumer(broker, mail)
            yield* answer((yield* first.take(1))[0], "reject")
            yield* first.close
            const second = yield* consumer(broker, mail)
            assert.deepStrictEqual((yield* second.take(1)).map(textOf), ["2"])
          })
        )
      })
    })
  })
}
