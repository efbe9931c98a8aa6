import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schedule, Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { Broker } from "../Broker.ts"
import type { Delivery } from "../Delivery.ts"
import type { Outgoing } from "../Message.ts"
import type { Topology } from "../Topology.ts"

/** Names no test used before, and what is declared under them. */
export const freshTopology = () => {
  const id = randomUUID()
  const names = {
    topic: `${id}.topic`,
    direct: `${id}.direct`,
    /** What comes in over the topic under `order.#` or `*.placed`, and may come back twice. */
    orders: `${id}.orders`,
    /** What comes in over the direct exchange under `mail`, and has no dead letters. */
    mail: `${id}.mail`,
    /** The dead of `orders`. */
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

export const outgoing = (exchange: string, routingKey: string, text: string): Outgoing => ({
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

/** A consumer that is asked for what it was handed. */
export interface Consumer {
  /** Waits for so many, twenty seconds at most. */
  readonly take: (count: number) => Effect.Effect<ReadonlyArray<Delivery>>
  readonly close: Effect.Effect<void>
}

export const consumer = Effect.fnUntraced(function* (broker: Broker["Service"], queue: string, prefetch = 100) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const pull = yield* Scope.provide(Stream.toPull(broker.consume(queue, { prefetch })), scope)
  const handed: Array<Delivery> = []
  const take = Effect.fnUntraced(
    function* (count: number) {
      while (handed.length < count) handed.push(...(yield* Effect.orDie(pull)))
      return handed.splice(0, count)
    },
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.die("It was not handed so many in twenty seconds")
    })
  )
  return { take, close: Scope.close(scope, Exit.void) } satisfies Consumer
})

/** Asks until it is so, for twenty seconds at most. */
export const eventually = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.die("It did not come to be in twenty seconds")
    })
  )

/** A broker with a topology of its own, and how a test publishes its orders. */
export const makeSetUp = <R>(layerOf: (topology: Topology) => Layer.Layer<Broker, never, R>) =>
  Effect.gen(function* () {
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

export type SetUp<R> = ReturnType<typeof makeSetUp<R>>
