import type { Broker } from "@user-service/broker/Broker"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { userEvents } from "@user-service/broker/Topology"
import type { OutboxEvent } from "@user-service/core/outbox/Outbox"
import { userEventMessage } from "@user-service/schema/amqp/UserEvents"
import { Clock, Duration, Effect, Metric } from "effect"
import type { UserBackoff } from "./UserBackoff.ts"

/**
 * How long a broker that is to be used here may let a publication wait. With {@link budget} it is less than a turn of the
 * outbox has.
 */
export const publisherSettings = { readyTimeout: Duration.millis(250), confirmTimeout: Duration.millis(1500) }

// After that nothing more is begun.
const budget = 1000

/**
 * Publishes events and tells which are confirmed. Those of different users are on their way together; one user's go one
 * after the other, so that none overtakes one that the broker refused. A user with an unconfirmed event is held back. Fails
 * where the broker takes nothing at all.
 */
export const publishWith = (broker: Broker["Service"], userBackoff: UserBackoff) =>
  Effect.fnUntraced(function* (events: ReadonlyArray<OutboxEvent>) {
    const end = (yield* Clock.currentTimeMillis) + budget
    const confirmed: Array<string> = []

    /** Publishes one event of each user and goes on with the next of those that are confirmed. */
    const publishWave = Effect.fnUntraced(function* (wave: ReadonlyArray<OutboxEvent>) {
      const outcomes = yield* broker.publishAll(wave.map(messageOf))
      const failed = wave.filter((_, index) => outcomes[index] !== "confirmed")
      const done = wave.filter((_, index) => outcomes[index] === "confirmed")
      for (const { id, userId } of done) {
        confirmed.push(id)
        userBackoff.release(userId)
      }
      yield* Effect.forEach(failed, ({ userId }) => userBackoff.hold(userId), { discard: true })
      yield* Metric.update(publishedTotal, done.length)
      yield* Metric.update(unconfirmedTotal, failed.length)
      return new Set(done.map(({ userId }) => userId))
    })

    let left = events
    while (left.length > 0 && (yield* Clock.currentTimeMillis) < end) {
      const wave = firstOfEachUser(left)
      const inWave = new Set(wave)
      const attempt = publishWave(wave)
      // What was confirmed before the broker went away is to be marked all the same.
      const going = yield* confirmed.length === 0 ? attempt : Effect.catch(attempt, () => Effect.succeed(nobody))
      left = left.filter((event) => !inWave.has(event) && going.has(event.userId))
    }
    return confirmed
  })

const nobody: ReadonlySet<string> = new Set()

const firstOfEachUser = (events: ReadonlyArray<OutboxEvent>): ReadonlyArray<OutboxEvent> => {
  const first = new Map<string, OutboxEvent>()
  for (const event of events) if (!first.has(event.userId)) first.set(event.userId, event)
  return [...first.values()]
}

const encoder = new TextEncoder()

const messageOf = ({ event, id, occurredAt, traceparent }: OutboxEvent): OutgoingMessage => {
  const { body, headers, priority, routingKey } = userEventMessage({ id, event, occurredAt, traceparent })
  return {
    exchange: userEvents.name,
    routingKey,
    body: encoder.encode(body),
    contentType: "application/json",
    messageId: id,
    timestamp: occurredAt,
    persistent: true,
    headers,
    ...(priority === undefined ? {} : { priority })
  }
}

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const publishedTotal = counter("outbox_published_total", "Events published and confirmed")
const unconfirmedTotal = counter("outbox_unconfirmed_total", "Publications of events that were not confirmed")
