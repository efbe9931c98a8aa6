import { Clock, DateTime, Effect, Queue, Stream } from "effect"
import type { Broker } from "./Broker.ts"
import * as Deaths from "./Deaths.ts"
import type { Delivery } from "./Delivery.ts"
import * as MemoryQueue from "./MemoryQueue.ts"
import type { Message, Outcome, OutgoingMessage } from "./Message.ts"
import * as RoutingKey from "./RoutingKey.ts"
import type { Exchange, Topology } from "./Topology.ts"

export interface MemoryBrokerSettings {
  readonly topology: Topology
  /** How many messages a queue holds before it refuses more: 100,000, of about 2 kB each. */
  readonly capacity?: number
}

/** The features of RabbitMQ's exchanges and quorum queues that this service uses, in memory. */
export const make = Effect.fnUntraced(function* ({ capacity = 100_000, topology }: MemoryBrokerSettings) {
  const clock = yield* Clock.clockWith(Effect.succeed)
  const queues = new Map<string, MemoryQueue.MemoryQueue>()

  /** The queues that a message is routed to, or undefined if its exchange does not exist. */
  const route = ({ exchange, routingKey }: Message): ReadonlyArray<MemoryQueue.MemoryQueue> | undefined => {
    if (exchange === "") return [queues.get(routingKey)].filter((queue) => queue !== undefined)
    const found = topology.exchanges.find(({ name }) => name === exchange)
    return found === undefined
      ? undefined
      : boundQueues(topology, found, routingKey).flatMap((name) => queues.get(name) ?? [])
  }
  const offer = (targets: ReadonlyArray<MemoryQueue.MemoryQueue>, message: Message): boolean => {
    if (targets.some((queue) => queue.isFull())) return false
    for (const queue of targets) queue.offer(message)
    return true
  }
  const publish = ({ mandatory, ...message }: OutgoingMessage): Outcome => {
    const targets = route(message)
    if (targets === undefined) return "unconfirmed"
    if (targets.length === 0) return mandatory === true ? "unroutable" : "confirmed"
    return offer(targets, inWholeSeconds(message)) ? "confirmed" : "refused"
  }

  for (const queue of topology.queues) {
    const { deadLetterExchange, name } = queue
    const made = MemoryQueue.make({
      queue,
      capacity,
      deadLetter: (message, reason) => {
        if (deadLetterExchange === undefined) return true
        const time = Math.floor(clock.currentTimeMillisUnsafe() / 1000)
        const headers = Deaths.deadLetterHeaders(message, { queue: name, reason, time })
        const letter = { ...message, exchange: deadLetterExchange, headers }
        const targets = route(letter) ?? []
        return targets.length > 0 && offer(targets, letter)
      },
      onCapacity: () => {
        for (const other of queues.values()) other.retryDeadLetters()
      }
    })
    queues.set(name, made)
  }

  const consume: Broker["Service"]["consume"] = (name, { prefetch }) =>
    Stream.callback<Delivery>((deliveries) => {
      const queue = queues.get(name)
      if (queue === undefined) return Effect.annotateLogs(Effect.logWarning("There is no such queue"), { queue: name })
      return Effect.acquireRelease(
        Effect.sync(() => queue.attach(prefetch, (delivery) => Queue.offerUnsafe(deliveries, delivery))),
        (detach) => Effect.sync(detach)
      )
    })
  return { publishAll: (messages) => Effect.sync(() => messages.map(publish)), consume } satisfies Broker["Service"]
})

const boundQueues = ({ queues }: Topology, { name, type }: Exchange, routingKey: string): ReadonlyArray<string> => {
  const fits = (pattern: string) =>
    type === "fanout" || (type === "direct" ? pattern === routingKey : RoutingKey.matches(pattern, routingKey))
  return queues
    .filter(({ bindings }) => bindings.some(({ exchange, pattern }) => exchange === name && fits(pattern)))
    .map((queue) => queue.name)
}

const inWholeSeconds = (message: Message): Message =>
  message.timestamp === undefined ? message : { ...message, timestamp: DateTime.startOf(message.timestamp, "second") }
