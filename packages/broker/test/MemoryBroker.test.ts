import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { answer, consumer, freshTopology, outgoingMessage, textOf } from "@user-service/broker/testing/Fresh"
import { Context, Effect, Layer } from "effect"

const setUp = Effect.fnUntraced(function* (capacity: number) {
  const fresh = freshTopology()
  const context = yield* Layer.build(Broker.layerMemory({ topology: fresh.topology, capacity }))
  return {
    ...fresh,
    broker: Context.get(context, Broker),
    order: (text: string) => outgoingMessage(fresh.topic, "order", text)
  }
})

describe("a broker in memory", () => {
  it.effect("refuses messages to a full queue until one of them is acknowledged", () =>
    Effect.gen(function* () {
      const { broker, order, orders } = yield* setUp(2)
      const outcomes = yield* broker.publishAll(["1", "2", "3"].map(order))
      assert.deepStrictEqual(outcomes, ["confirmed", "confirmed", "refused"])
      const { take } = yield* consumer(broker, orders)
      const [one] = yield* take(2)
      assert.deepStrictEqual(yield* broker.publishAll([order("4")]), ["refused"])
      yield* answer(one, "ackThrough")
      assert.deepStrictEqual(yield* broker.publishAll([order("4")]), ["confirmed"])
      assert.deepStrictEqual((yield* take(1)).map(textOf), ["4"])
    })
  )

  it.effect("keeps a dead letter in its queue until the dead-letter queue has room", () =>
    Effect.gen(function* () {
      const { broker, dead, order, orders } = yield* setUp(2)
      const living = yield* consumer(broker, orders)
      for (const text of ["1", "2", "3", "4"]) {
        assert.deepStrictEqual(yield* broker.publishAll([order(text)]), ["confirmed"])
        yield* answer((yield* living.take(1))[0], "reject")
      }
      assert.deepStrictEqual(yield* broker.publishAll([order("5")]), ["refused"])
      const graveyard = yield* consumer(broker, dead)
      const [, two] = yield* graveyard.take(2)
      yield* answer(two, "ackThrough")
      assert.deepStrictEqual((yield* graveyard.take(2)).map(textOf), ["3", "4"])
      assert.deepStrictEqual(yield* broker.publishAll([order("5")]), ["confirmed"])
      assert.deepStrictEqual((yield* living.take(1)).map(textOf), ["5"])
    })
  )

  it.effect("stores nothing for a missing queue", () =>
    Effect.gen(function* () {
      const { broker } = yield* setUp(1)
      const toNobody = { ...outgoingMessage("", "missing", "1"), mandatory: true }
      assert.deepStrictEqual(yield* broker.publishAll([toNobody, toNobody]), ["unroutable", "unroutable"])
    })
  )
})
