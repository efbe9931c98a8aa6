import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { answer, consumer, outgoingMessage, textOf } from "@user-service/broker/testing/Fresh"
import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import * as Topology from "@user-service/broker/Topology"
import { connect as dial } from "amqplib"
import { Context, Effect, Layer } from "effect"
import { oneProcess, rabbitmqUrl } from "./engine.ts"

describe.skipIf(rabbitmqUrl === "")("the queues and exchanges of the service", () => {
  it.live("a status goes to the queue, a rejected one to the dead, and events and mail to whoever is bound", () =>
    Effect.gen(function* () {
      const url = yield* TestRabbitMq.freshVirtualHost(rabbitmqUrl)
      const context = yield* Layer.build(oneProcess(url, { topology: Topology.userService }))
      const broker = Context.get(context, Broker)
      // As the services around it see them.
      yield* Effect.promise(async () => {
        const connection = await dial(url)
        const channel = await connection.createChannel()
        for (const [exchange, type] of [
          ["user_events", "topic"],
          ["user_mail", "direct"],
          ["notification_status", "topic"]
        ] as const) {
          await channel.assertExchange(exchange, type, { durable: true })
        }
        await channel.assertQueue("user-service.notification-status", {
          arguments: {
            "x-queue-type": "quorum",
            "x-delivery-limit": 20,
            "x-dead-letter-exchange": "user-service.notification-status.dead",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish"
          }
        })
        await channel.assertQueue("user-service.notification-status.dead", {
          arguments: {
            "x-queue-type": "quorum",
            "x-delivery-limit": 1_000_000,
            "x-message-ttl": 30 * 24 * 60 * 60 * 1000
          }
        })
        await connection.close()
      })
      const status = outgoingMessage("notification_status", "notification.status.delivered", "1")
      const outcomes = yield* broker.publishAll([
        { ...status, mandatory: true },
        outgoingMessage("user_events", "user.registered", "2"),
        { ...outgoingMessage("user_mail", "password_reset", "3"), mandatory: true },
        { ...outgoingMessage("notification_status", "notification.other", "4"), mandatory: true }
      ])
      assert.deepStrictEqual(outcomes, ["confirmed", "confirmed", "unroutable", "unroutable"])
      const statuses = yield* consumer(broker, Topology.statusQueue.name)
      yield* answer((yield* statuses.take(1))[0], "reject")
      const [letter] = yield* (yield* consumer(broker, "user-service.notification-status.dead")).take(1)
      assert.strictEqual(letter && textOf(letter), "1")
      assert.strictEqual(letter?.message.routingKey, "notification.status.delivered")
    })
  )

  it.live("a message that RabbitMQ refuses with its channel costs no other channel its confirms", () =>
    Effect.gen(function* () {
      const url = yield* TestRabbitMq.freshVirtualHost(rabbitmqUrl)
      // RabbitMQ reserves names that begin with `amq.`: the exchange cannot be declared, and stays absent.
      const absent: Topology.Exchange = { name: "amq.absent", type: "direct", ownChannel: true }
      const topology = { exchanges: [Topology.userEvents, absent], queues: [] }
      const broker = Context.get(yield* Layer.build(oneProcess(url, { topology })), Broker)
      const event = outgoingMessage("user_events", "user.registered", "event")
      const refused = outgoingMessage(absent.name, "password_reset", "mail")
      for (const _ of [1, 2, 3]) {
        assert.deepStrictEqual(yield* broker.publishAll([event, refused, event]), [
          "confirmed",
          "unconfirmed",
          "confirmed"
        ])
        assert.deepStrictEqual(yield* broker.publishAll([event]), ["confirmed"])
      }
    })
  )
})
