import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schedule, Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { Broker } from "../Broker.ts"
import type { Delivery } from "../Delivery.ts"
import type { OutgoingMessage } from "../Message.ts"
import type { Topology } from "../Topology.ts"

/** A topology with names that no other test uses. */
export const freshTopology = () => {
  const id = randomUUID()
  const names = {
    topic: `${id}.topic`,
    direct: `${id}.direct`,
    /** The queue bound to the topic exchange by `order.#` and `*.placed`, with a delivery limit of 2. */
    orders: `${id}.orders`,
    /** The queue bound to the direct exchange by `mail`, without a dead letter exchange. */
    mail: `${id}.mail`,
    /** The exchange and queue for the dead letters of `orders`. */
    dead: `${id}.dead`
  }
  const topology: Topology = {
    exchanges: [
      { name: names.topic, type: "topic" },
      { name: names.direct, type: "direct" },
      { name: names.dead, type: "fanout" }
    ],
    queues: [
      { name: names.dead, bindings: [{ exchange: names.dead, pattern: "" }], deliveryLimit: 100 },
      {
        name: names.orders,
        bindings: [
          { exchange: names.topic, pattern: "order.#" },
          { exchange: names.topic, pattern: "*.placed" }
        ],
        deliveryLimit: 2,
        deadLetterExchange: names.dead
      },
      { name: names.mail, bindings: [{ exchange: names.direct, pattern: "mail" }], deliveryLimit: 100 }
    ]
  }
  return { ...names, topology }
}

export const outgoingMessage = (exchange: string, routingKey: string, text: string): OutgoingMessage => ({
  exchange,
  routingKey,
  body: new TextEncoder().encode(text),
  persistent: true,
  messageId: text,
  headers: {}
})

export const textOf = ({ message }: Delivery): string => new TextDecoder().decode(message.body)

export const answer = (delivery: Delivery | undefined, how: "ackThrough" | "requeue" | "reject"): Effect.Effect<void> =>
  delivery === undefined ? Effect.die("There is no such delivery") : delivery[how]

/** A consumer whose deliveries a test pulls. */
export interface Consumer {
  /** Waits for `count` deliveries, at most twenty seconds. */
  readonly take: (count: number) => Effect.Effect<ReadonlyArray<Delivery>>
  readonly close: Effect.Effect<void>
}

export const consumer = Effect.fnUntraced(function* (broker: Broker["Service"], queue: string, prefetch = 100) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const pull = yield* Scope.provide(Stream.toPull(broker.consume(queue, { prefetch })), scope)
  const deliveries: Array<Delivery> = []
  const take = Effect.fnUntraced(
    function* (count: number) {
      while (deliveries.length < count) deliveries.push(...(yield* Effect.orDie(pull)))
      return deliveries.splice(0, count)
    },
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.die("Too few deliveries within twenty seconds")
    })
  )
  return { take, close: Scope.close(scope, Exit.void) } satisfies Consumer
})

/** Polls until the condition holds, for at most twenty seconds. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.die("The condition did not hold within twenty seconds")
    })
  )

/** A broker with a fresh topology, and functions that publish to it. */
export const makeSetUp = <R>(layerOf: (topology: Topology) => Layer.Layer<Broker, never, R>) =>
  Effect.gen(function* () {
    const fresh = freshTopology()
    const broker = Context.get(yield* Layer.build(layerOf(fresh.topology)), Broker)
    const order = (text: string, routingKey = "order.placed") => outgoingMessage(fresh.topic, routingKey, text)
    const publish = (...messages: ReadonlyArray<OutgoingMessage>) =>
      Effect.map(broker.publishAll(messages), (outcomes) =>
        assert.deepStrictEqual(
          outcomes,
          messages.map(() => "confirmed" as const)
        )
      )
    return { ...fresh, broker, order, publish }
  })

export type SetUp<R> = ReturnType<typeof makeSetUp<R>>
