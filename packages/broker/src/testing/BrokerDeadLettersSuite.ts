import { assert, describe, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { answer, consumer, outgoingMessage, type SetUp, textOf } from "./Fresh.ts"

/** The contract of a `Broker`: dead letters. */
export const suite = <R>(it: Vitest.MethodsNonLive<R>, setUp: SetUp<R>) =>
  describe("dead letters", () => {
    it.effect(
      "a rejected message becomes a dead letter, with headers that name its queue and otherwise unchanged",
      () =>
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

    it.effect("a message requeued beyond the delivery limit becomes a dead letter", () =>
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

    it.effect("the end of a consumer counts towards the delivery limit of its unacknowledged messages", () =>
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

    it.effect("a queue without a dead letter exchange drops rejected messages", () =>
      Effect.gen(function* () {
        const { broker, direct, mail, publish } = yield* setUp
        yield* publish(outgoingMessage(direct, "mail", "1"), outgoingMessage(direct, "mail", "2"))
        const first = yield* consumer(broker, mail)
        yield* answer((yield* first.take(1))[0], "reject")
        yield* first.close
        const second = yield* consumer(broker, mail)
        assert.deepStrictEqual((yield* second.take(1)).map(textOf), ["2"])
      })
    )
  })
