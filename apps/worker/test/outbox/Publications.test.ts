import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { BrokerUnavailable } from "@user-service/broker/BrokerUnavailable"
import type { OutgoingMessage } from "@user-service/broker/Message"
import { type Topology, userEvents } from "@user-service/broker/Topology"
import type { OutboxEvent } from "@user-service/core/outbox/Outbox"
import { type DomainEvent, PushTokenAdded, UserLoggedIn, UserPasswordChanged } from "@user-service/domain/DomainEvent"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { UserId } from "@user-service/domain/User"
import * as UserBackoff from "@user-service/worker/outbox/UserBackoff"
import { publishWith } from "@user-service/worker/outbox/Publications"
import { Context, DateTime, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import { layerWithPublisher } from "./ReceivedEvents.ts"

/** A queue for logins and one for tokens, with a length limit of two messages each. */
const topology: Topology = {
  exchanges: [userEvents],
  queues: [
    { name: "users", bindings: [{ exchange: userEvents.name, pattern: "user.#" }], deliveryLimit: 20 },
    { name: "tokens", bindings: [{ exchange: userEvents.name, pattern: "token.#" }], deliveryLimit: 20 }
  ]
}

const newUser = () => UserId.make(randomUUID())
const occurredAt = DateTime.makeUnsafe("2026-11-24T10:02:00.500Z")

const eventOf = (event: Extract<DomainEvent, { readonly userId: UserId }>): OutboxEvent => ({
  id: randomUUID(),
  userId: event.userId,
  event,
  traceparent: null,
  occurredAt
})
const login = (userId: UserId) => eventOf(new UserLoggedIn({ userId }))
const token = (userId: UserId) =>
  eventOf(
    new PushTokenAdded({
      userId,
      tokenId: PushTokenId.make(randomUUID()),
      token: DeviceToken.make("t"),
      platform: "web"
    })
  )

const setUp = Effect.fnUntraced(function* (layer: Layer.Layer<Broker>) {
  const broker = Context.get(yield* Layer.build(layer), Broker)
  const userBackoff = UserBackoff.make(100)
  return { broker, userBackoff, publish: publishWith(broker, userBackoff) }
})

/** Consumes `count` messages of the queue and returns their ids. */
const take = (broker: Broker["Service"], queue: string, count: number) =>
  broker.consume(queue, { prefetch: 100 }).pipe(
    Stream.tap(({ ackThrough }) => ackThrough),
    Stream.take(count),
    Stream.runCollect,
    Effect.map((deliveries) => deliveries.map(({ message }) => message.messageId))
  )

const idsOf = (events: ReadonlyArray<OutboxEvent>) => events.map(({ id }) => id)

describe("publishing events", () => {
  it.effect("a message is persistent JSON under the event's id and time, with key, priority and headers", () =>
    Effect.gen(function* () {
      const { broker, publish } = yield* setUp(Broker.layerMemory({ topology }))
      const event = token(newUser())
      assert.deepStrictEqual(yield* publish([event]), [event.id])
      const [message] = yield* broker.consume("tokens", { prefetch: 1 }).pipe(
        Stream.map(({ message }) => message),
        Stream.take(1),
        Stream.runCollect
      )
      assert(message !== undefined)
      const { body, headers, ...properties } = message
      assert.deepStrictEqual<unknown>(properties, {
        exchange: "user_events",
        routingKey: "token.added",
        contentType: "application/json",
        messageId: event.id,
        timestamp: DateTime.makeUnsafe("2026-11-24T10:02:00Z"),
        priority: 3,
        persistent: true
      })
      assert.strictEqual(headers["cloudEvents:id"], event.id)
      assert.strictEqual(JSON.parse(new TextDecoder().decode(body)).event_type, "push_token_added")
    })
  )

  it.effect("events of different users are sent together, those of one user one after the other", () =>
    Effect.gen(function* () {
      const batches: Array<ReadonlyArray<string | undefined>> = []
      const between = layerWithPublisher(
        (publishAll) => (messages: ReadonlyArray<OutgoingMessage>) => {
          batches.push(messages.map(({ messageId }) => messageId))
          return publishAll(messages)
        },
        topology
      )
      const { publish } = yield* setUp(between)
      const [a, b] = [newUser(), newUser()]
      const [a1, b1, a2, a3, b2] = [login(a), login(b), login(a), login(a), login(b)]
      assert.deepStrictEqual(yield* publish([a1, b1, a2, a3, b2]), idsOf([a1, b1, a2, b2, a3]))
      assert.deepStrictEqual(batches, [idsOf([a1, b1]), idsOf([a2, b2]), idsOf([a3])])
    })
  )

  it.effect("a refused event delays only later events of its user, and is published before them", () =>
    Effect.gen(function* () {
      const { broker, userBackoff, publish } = yield* setUp(Broker.layerMemory({ topology, capacity: 2 }))
      const [a, b] = [newUser(), newUser()]
      const fill = [token(b), token(b)]
      assert.deepStrictEqual(yield* publish(fill), idsOf(fill))
      const held = [token(a), login(a)]
      const free = [login(b), login(b)]
      assert.deepStrictEqual(yield* publish([...held, ...free]), idsOf(free))
      assert.deepStrictEqual(yield* userBackoff.users, [a])
      assert.deepStrictEqual(yield* take(broker, "users", 2), idsOf(free))
      assert.deepStrictEqual(yield* take(broker, "tokens", 2), idsOf(fill))
      assert.deepStrictEqual(yield* publish(held), idsOf(held))
      assert.deepStrictEqual(yield* userBackoff.users, [])
      assert.deepStrictEqual(yield* take(broker, "tokens", 1), idsOf(held.slice(0, 1)))
      assert.deepStrictEqual(yield* take(broker, "users", 1), idsOf(held.slice(1)))
    })
  )

  it.effect("begins no publication after a second, so that confirmed ones are marked", () =>
    Effect.gen(function* () {
      const slow = layerWithPublisher(
        (publishAll) => (messages) => Effect.delay(publishAll(messages), "600 millis"),
        topology
      )
      const { publish } = yield* setUp(slow)
      const user = newUser()
      const events = [login(user), login(user), login(user)]
      const fiber = yield* Effect.forkChild(publish(events))
      yield* TestClock.adjust("1200 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), idsOf(events.slice(0, 2)))
    })
  )

  it.effect("fails if the broker is unavailable, and keeps earlier confirmations", () =>
    Effect.gen(function* () {
      let left = 0
      const leaving = layerWithPublisher(
        (publishAll) => (messages) =>
          left-- > 0 ? publishAll(messages) : Effect.fail(new BrokerUnavailable({ reason: "away" })),
        topology
      )
      const { publish } = yield* setUp(leaving)
      const user = newUser()
      const events = [login(user), eventOf(new UserPasswordChanged({ userId: user }))]
      assert.strictEqual((yield* Effect.flip(publish(events)))._tag, "BrokerUnavailable")
      left = 1
      assert.deepStrictEqual(yield* publish(events), idsOf(events.slice(0, 1)))
    })
  )

  it.effect("without the exchange no event is confirmed, and the users wait", () =>
    Effect.gen(function* () {
      const { userBackoff, publish } = yield* setUp(Broker.layerMemory({ topology: { exchanges: [], queues: [] } }))
      const event = login(newUser())
      assert.deepStrictEqual(yield* publish([event]), [])
      assert.deepStrictEqual(yield* userBackoff.users, [event.userId])
    })
  )
})
