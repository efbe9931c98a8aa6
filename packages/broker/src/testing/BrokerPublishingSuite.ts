import { assert, describe, type Vitest } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import { consumer, outgoingMessage, type SetUp, textOf } from "./Fresh.ts"

/** The contract of a `Broker`: publishing. */
export const suite = <R>(it: Vitest.MethodsNonLive<R>, setUp: SetUp<R>) =>
  describe("publishing", () => {
    it.effect("a message arrives with all its properties", () =>
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

    it.effect("a message without optional properties arrives without them", () =>
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

    it.effect("messages arrive in the order of publication, across batches", () =>
      Effect.gen(function* () {
        const { broker, order, orders, publish } = yield* setUp
        const texts = Array.from({ length: 3000 }, (_, index) => String(index))
        yield* publish(...texts.slice(0, 2500).map((text) => order(text)))
        yield* publish(...texts.slice(2500).map((text) => order(text)))
        const { take } = yield* consumer(broker, orders, 5000)
        assert.deepStrictEqual((yield* take(3000)).map(textOf), texts)
      })
    )

    it.effect(
      "a topic exchange matches the words of the key, and a queue with two matching bindings gets a message once",
      () =>
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

    it.effect("a direct exchange matches the exact key, and the default exchange the queue's name", () =>
      Effect.gen(function* () {
        const { broker, direct, mail, publish } = yield* setUp
        yield* publish(
          outgoingMessage(direct, "mail", "1"),
          outgoingMessage(direct, "mail.x", "2"),
          outgoingMessage("", mail, "3"),
          outgoingMessage(direct, "#", "4"),
          outgoingMessage(direct, "mail", "5")
        )
        const { take } = yield* consumer(broker, mail)
        assert.deepStrictEqual((yield* take(3)).map(textOf), ["1", "3", "5"])
      })
    )

    it.effect("a message without a bound queue is confirmed and dropped, or unroutable if it is mandatory", () =>
      Effect.gen(function* () {
        const { broker, direct, order } = yield* setUp
        const nowhere = outgoingMessage(direct, "nobody", "a")
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

    it.effect("an empty batch has no outcomes", () =>
      Effect.gen(function* () {
        const { broker } = yield* setUp
        assert.deepStrictEqual(yield* broker.publishAll([]), [])
      })
    )

    it.effect("a message to a missing exchange is unconfirmed and does not block later ones", () =>
      Effect.gen(function* () {
        const { broker, order, orders, publish } = yield* setUp
        const [outcome] = yield* broker.publishAll([outgoingMessage("missing", "a", "lost")])
        assert.strictEqual(outcome, "unconfirmed")
        yield* publish(order("next"))
        const { take } = yield* consumer(broker, orders)
        assert.deepStrictEqual((yield* take(1)).map(textOf), ["next"])
      })
    )

    it.effect("concurrent batches get their own outcomes", () =>
      Effect.gen(function* () {
        const { broker, direct, order, orders } = yield* setUp
        const batches = Array.from({ length: 20 }, (_, index) => [
          order(String(index)),
          { ...outgoingMessage(direct, "nobody", String(index)), mandatory: true }
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
