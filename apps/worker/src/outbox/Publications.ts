import type { Broker } from "@user-service/broker/Broker"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { userEvents } from "@user-service/broker/Topology"
import type { OutboxEvent } from "@user-service/core/outbox/Outbox"
import { userEventMessage } from "@user-service/schema/amqp/UserEvents"
import { Clock, Duration, Effect, Metric } from "effect"
import type { UserBackoff } from "./UserBackoff.ts"

/**
 * The timeouts of the publisher of the broker. Together with {@link budgetMillis} they are shorter than the transaction of a
 * turn of the outbox may be.
 */
export const publisherSettings = { readyTimeout: Duration.millis(250), confirmTimeout: Duration.millis(1500) }

// After this time no further wave is published.
const budgetMillis = 1000

/**
 * Publishes events and returns the ids of the confirmed ones. The events of different users are published together, those of
 * one user one after the other, so that none overtakes an event that the broker refused. An unconfirmed event begins the
 * backoff of its user. Fails if no event could be published because the broker is unavailable.
 */
export const publishWith = (broker: Broker["Service"], userBackoff: UserBackoff) =>
  Effect.fnUntraced(function* (events: ReadonlyArray<OutboxEvent>) {
    const end = (yield* Clock.currentTimeMillis) + budgetMillis
    const confirmed: Array<string> = []

    /** Publishes at most one event of each user, and returns the users whose event was confirmed. */
    const publishWave = Effect.fnUntraced(function* (wave: ReadonlyArray<OutboxEvent>) {
      const outcomes = yield* broker.publishAll(wave.map(messageOf))
      const unconfirmed = wave.filter((_, index) => outcomes[index] !== "confirmed")
      const published = wave.filter((_, index) => outcomes[index] === "confirmed")
      for (const { id, userId } of published) {
        confirmed.push(id)
        userBackoff.release(userId)
      }
      yield* Effect.forEach(unconfirmed, ({ userId }) => userBackoff.hold(userId), { discard: true })
      yield* Metric.update(publishedTotal, published.length)
      yield* Metric.update(unconfirmedTotal, unconfirmed.length)
      return new Set(published.map(({ userId }) => userId))
    })

    let remaining = events
    while (remaining.length > 0 && (yield* Clock.currentTimeMillis) < end) {
      const wave = firstOfEachUser(remaining)
      const inWave = new Set(wave)
      const attempt = publishWave(wave)
      // The broker may become unavailable after earlier waves, whose events must still be returned as confirmed.
      const confirmedUsers = yield* confirmed.length === 0
        ? attempt
        : Effect.catch(attempt, () => Effect.succeed(noUsers))
      remaining = remaining.filter((event) => !inWave.has(event) && confirmedUsers.has(event.userId))
    }
    return confirmed
  })

const noUsers: ReadonlySet<string> = new Set()

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
const unconfirmedTotal = counter("outbox_unconfirmed_total", "Publications of events that the broker did not confirm")
