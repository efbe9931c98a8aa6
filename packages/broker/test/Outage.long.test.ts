import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { reconnections } from "@user-service/broker/Metrics"
import { BrokerHealth } from "@user-service/broker/RabbitMq"
import type { RabbitMqBrokerSettings } from "@user-service/broker/RabbitMqBroker"
import { answer, consumer, waitUntil, freshTopology, outgoingMessage, textOf } from "@user-service/broker/testing/Fresh"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { type Channel, connect as dial } from "amqplib"
import { Context, Duration, Effect, Exit, Fiber, Layer, Logger, Metric, Scope, Stream } from "effect"
import { inspect } from "node:util"
import { oneProcess } from "./engine.ts"

class Server extends Context.Service<Server, RabbitMqServer.RabbitMqServer>()(
  "@user-service/broker/test/Outage.long.test/Server"
) {
  static readonly layer = Layer.effect(
    Server,
    Effect.tap(RabbitMqServer.make, ({ start }) => start)
  )
}

const connect = Effect.fnUntraced(function* (url: string, settings: RabbitMqBrokerSettings) {
  const context = yield* Layer.build(oneProcess(url, settings))
  return { broker: Context.get(context, Broker), health: Context.get(context, BrokerHealth) }
})

/** One process on the tests' own RabbitMQ. */
const setUp = Effect.fnUntraced(function* (settings: Partial<RabbitMqBrokerSettings> & { heartbeat?: number } = {}) {
  const server = yield* Server
  const fresh = freshTopology()
  const url = settings.heartbeat === undefined ? server.url : `${server.url}?heartbeat=${settings.heartbeat}`
  const { broker, health } = yield* connect(url, { topology: fresh.topology, ...settings })
  return {
    ...fresh,
    server,
    broker,
    health,
    order: (text: string) => outgoingMessage(fresh.topic, "order.placed", text)
  }
})

/** Behind the broker's back. */
const asStranger = (url: string, act: (channel: Channel) => Promise<unknown>) =>
  Effect.promise(async () => {
    const connection = await dial(url)
    await act(await connection.createChannel())
    await connection.close()
  })

/** Publishes until it is confirmed. */
const insist = (broker: Broker["Service"], message: ReturnType<typeof outgoingMessage>) =>
  waitUntil(
    Effect.map(
      Effect.exit(broker.publishAll([message])),
      (exit) => Exit.isSuccess(exit) && exit.value[0] === "confirmed"
    )
  )

const milliseconds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toMillis(duration))

const logs = () => {
  const lines: Array<string> = []
  return { lines, collect: Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))]) }
}

const journal = (broker: Broker["Service"], queue: string) =>
  Effect.gen(function* () {
    const received = new Set<string>()
    yield* broker.consume(queue, { prefetch: 500 }).pipe(
      Stream.runForEachArray((deliveries) => {
        for (const delivery of deliveries) received.add(textOf(delivery))
        return answer(deliveries.at(-1), "ackThrough")
      }),
      Effect.forkScoped
    )
    return received
  })

describe.skipIf(!RabbitMqServer.isInstalled)("an outage of RabbitMQ", { timeout: 60_000 }, () => {
  it.layer(Server.layer, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("a kill during publications loses no confirmed message, and the others are reported", () => {
      const { lines, collect } = logs()
      return Effect.gen(function* () {
        const { broker, order, orders, server } = yield* setUp()
        const received = yield* journal(broker, orders)
        const outcomes = new Map<string, string>()
        let sent = 0
        const publish = Effect.gen(function* () {
          const batch = Array.from({ length: 200 }, () => order(String(sent++)))
          const exit = yield* Effect.exit(broker.publishAll(batch))
          for (const [index, { messageId = "" }] of batch.entries()) {
            outcomes.set(messageId, Exit.isSuccess(exit) ? (exit.value[index] ?? "missing") : "unavailable")
          }
        })
        const publishing = yield* Effect.forkScoped(Effect.forever(publish))
        const confirmed = () => [...outcomes].filter(([, outcome]) => outcome === "confirmed").map(([text]) => text)
        yield* waitUntil(Effect.sync(() => confirmed().length > 3000))
        yield* server.kill
        const before = confirmed().length
        yield* waitUntil(Effect.sync(() => [...outcomes.values()].includes("unavailable")))
        yield* server.start
        yield* waitUntil(Effect.sync(() => confirmed().length > before + 2000))
        yield* Fiber.interrupt(publishing)
        yield* waitUntil(Effect.sync(() => confirmed().every((text) => received.has(text))))
        assert.deepStrictEqual(new Set(outcomes.values()), new Set(["confirmed", "unconfirmed", "unavailable"]))
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line).message),
          ["RabbitMQ is out of reach", "RabbitMQ is back"]
        )
      }).pipe(Effect.provide(collect))
    })

    it.effect("unacknowledged messages are redelivered after a kill, and late acknowledgements do nothing", () =>
      Effect.gen(function* () {
        const { broker, order, orders, server } = yield* setUp()
        yield* insist(broker, order("1"))
        const { take } = yield* consumer(broker, orders)
        const old = yield* take(1)
        yield* insist(broker, order("2"))
        yield* insist(broker, order("3"))
        // Handed out, and not taken: these must not come twice.
        yield* waitUntil(
          Effect.map(server.control("list_queues", "name", "messages_unacknowledged"), (text) =>
            text.includes(`${orders}\t3`)
          )
        )
        yield* server.kill
        yield* server.start
        const again = yield* take(3)
        assert.deepStrictEqual(again.map(textOf), ["1", "2", "3"])
        assert.isTrue(again.every(({ redelivered }) => redelivered))
        for (const delivery of old) yield* answer(delivery, "ackThrough")
        for (const delivery of old) yield* answer(delivery, "reject")
        yield* answer(again[0], "requeue")
        assert.deepStrictEqual((yield* take(1)).map(textOf), ["1"])
        yield* answer(again[2], "ackThrough")
        yield* insist(broker, order("4"))
        assert.deepStrictEqual((yield* take(1)).map(textOf), ["4"])
      })
    )

    it.effect("a process that starts during the outage reports it in bounded time, and connects afterwards", () =>
      Effect.gen(function* () {
        const server = yield* Server
        yield* server.kill
        const { broker, health, order, orders } = yield* setUp()
        const received = yield* journal(broker, orders)
        const [waited, error] = yield* Effect.timed(Effect.flip(broker.publishAll([order("1")])))
        assert.strictEqual(error.reason, "away")
        assert.isBelow(Duration.toMillis(waited), 1500)
        assert.isBelow(yield* milliseconds(Effect.flip(health.ping)), 1000)
        yield* server.start
        yield* insist(broker, order("2"))
        yield* waitUntil(Effect.sync(() => received.has("2")))
        yield* health.ping
      })
    )

    it.effect("a frozen broker delays callers no longer than the timeout", () =>
      Effect.gen(function* () {
        const { broker, health, order, orders, server } = yield* setUp({ confirmTimeout: Duration.millis(500) })
        yield* insist(broker, order("1"))
        yield* server.freeze
        yield* Effect.addFinalizer(() => server.thaw)
        // It may still answer one, while its threads come to a halt.
        yield* waitUntil(Effect.map(Effect.orDie(broker.publishAll([order("0")])), ([one]) => one === "unconfirmed"))
        const [waited, outcomes] = yield* Effect.timed(broker.publishAll([order("2"), order("3")]))
        assert.deepStrictEqual(outcomes, ["unconfirmed", "unconfirmed"])
        assert.isBelow(Duration.toMillis(waited), 1000)
        for (let time = 0; time < 3; time++) {
          assert.isBelow(yield* milliseconds(Effect.flip(health.ping)), 1000)
        }
        yield* server.thaw
        const received = yield* journal(broker, orders)
        yield* waitUntil(Effect.sync(() => ["1", "2", "3"].every((text) => received.has(text))))
        yield* health.ping
        // What was asked for in vain is closed: one publishes, one consumes.
        const channels = Effect.map(server.control("list_channels", "pid"), (text) => text.match(/<.*>/g)?.length)
        yield* waitUntil(Effect.map(channels, (count) => count === 2))
      })
    )

    it.effect("a broker that is frozen for longer than the heartbeat is disconnected and connected again", () =>
      Effect.gen(function* () {
        const { broker, health, order, orders, server } = yield* setUp({ heartbeat: 1 })
        const received = yield* journal(broker, orders)
        yield* insist(broker, order("1"))
        yield* server.freeze
        yield* Effect.addFinalizer(() => server.thaw)
        yield* waitUntil(Effect.map(Effect.exit(broker.publishAll([order("2")])), (exit) => Exit.isFailure(exit)))
        yield* server.thaw
        yield* insist(broker, order("3"))
        yield* waitUntil(Effect.sync(() => received.has("3")))
        yield* health.ping
      })
    )

    it.effect("a frozen broker does not delay a stop", () =>
      Effect.gen(function* () {
        const server = yield* Server
        const fresh = freshTopology()
        const scope = yield* Scope.make()
        const { broker } = yield* Scope.provide(connect(server.url, { topology: fresh.topology }), scope)
        const { close } = yield* consumer(broker, fresh.orders)
        yield* insist(broker, outgoingMessage(fresh.topic, "order", "1"))
        yield* server.freeze
        yield* Effect.addFinalizer(() => server.thaw)
        const leaving = Effect.andThen(close, Scope.close(scope, Exit.void))
        assert.isBelow(yield* milliseconds(leaving), 5000)
      })
    )

    it.effect("a broker without memory refuses messages with the reason, while consumers continue", () =>
      Effect.gen(function* () {
        const { broker, health, order, orders, server } = yield* setUp({ confirmTimeout: Duration.millis(500) })
        yield* broker.publishAll(["1", "2", "3"].map(order))
        const short = server.control("set_vm_memory_high_watermark", "0.00001")
        const enough = server.control("set_vm_memory_high_watermark", "0.4")
        yield* Effect.acquireRelease(short, () => enough)
        const blocked = Effect.map(Effect.exit(broker.publishAll([order("4")])), Exit.isFailure)
        yield* waitUntil(blocked)
        const [waited, error] = yield* Effect.timed(Effect.flip(broker.publishAll([order("5")])))
        assert.strictEqual(error.reason, "blocked")
        assert.isBelow(Duration.toMillis(waited), 1500)
        const { take } = yield* consumer(broker, orders, 1)
        for (const text of ["1", "2", "3"]) {
          const [delivery] = yield* take(1)
          assert.strictEqual(delivery && textOf(delivery), text)
          yield* answer(delivery, "ackThrough")
        }
        yield* health.ping
        yield* enough
        yield* insist(broker, order("6"))
      })
    )

    it.effect("a deleted queue is declared again, and consumed", () =>
      Effect.gen(function* () {
        const { broker, order, orders, server } = yield* setUp()
        const received = yield* journal(broker, orders)
        yield* insist(broker, order("1"))
        yield* waitUntil(Effect.sync(() => received.has("1")))
        yield* asStranger(server.url, (channel) => channel.deleteQueue(orders))
        yield* waitUntil(
          Effect.andThen(
            Effect.orDie(broker.publishAll([order("2")])),
            Effect.sync(() => received.has("2"))
          )
        )
      })
    )

    it.effect("a deleted exchange is declared again, with its bindings", () =>
      Effect.gen(function* () {
        const { broker, order, orders, server, topic } = yield* setUp()
        const received = yield* journal(broker, orders)
        yield* insist(broker, order("1"))
        yield* asStranger(server.url, (channel) => channel.deleteExchange(topic))
        yield* insist(broker, order("2"))
        yield* waitUntil(Effect.sync(() => received.has("2")))
      })
    )

    it.effect("a dead letter waits for a missing queue, which is declared again without a consumer", () =>
      Effect.gen(function* () {
        const { control } = yield* Server
        // How soon it tries again, by a worker that begins with the queue.
        yield* control("eval", "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 500).")
        const { broker, dead, order, orders, server } = yield* setUp({ declareInterval: Duration.millis(500) })
        yield* insist(broker, order("1"))
        const { take } = yield* consumer(broker, orders)
        const [delivery] = yield* take(1)
        yield* asStranger(server.url, (channel) => channel.deleteQueue(dead))
        yield* answer(delivery, "reject")
        yield* waitUntil(Effect.map(control("list_queues", "name"), (names) => names.split("\n").includes(dead)))
        const [letter] = yield* (yield* consumer(broker, dead)).take(1)
        assert.strictEqual(letter && textOf(letter), "1")
      })
    )

    it.effect("closed connections are opened again, and the reason is logged", () => {
      const { lines, collect } = logs()
      return Effect.gen(function* () {
        const { broker, order, orders, server } = yield* setUp()
        const received = yield* journal(broker, orders)
        yield* insist(broker, order("1"))
        const before = yield* Metric.value(reconnections)
        yield* server.control("close_all_connections", "for a test")
        yield* waitUntil(
          Effect.map(Metric.value(reconnections), ({ count }) => Number(count) >= Number(before.count) + 2)
        )
        yield* insist(broker, order("2"))
        yield* waitUntil(Effect.sync(() => received.has("2")))
        assert.include(lines[0], "for a test")
      }).pipe(Effect.provide(collect))
    })

    it.effect("an outage is logged as one warning, and the password is in no line and no error", () => {
      const { lines, collect } = logs()
      return Effect.gen(function* () {
        const server = yield* Server
        const { topology } = freshTopology()
        const url = server.url.replace("guest:guest", "guest:letmein")
        const { broker, health } = yield* connect(url, { topology, readyTimeout: Duration.millis(100) })
        const message = outgoingMessage("a", "b", "1")
        const errors = [yield* Effect.flip(broker.publishAll([message])), yield* Effect.flip(health.ping)]
        yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.flip(broker.publishAll([message])))
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line).message),
          ["RabbitMQ is out of reach"]
        )
        assert.include(lines[0], "ACCESS_REFUSED")
        assert.notInclude([...lines, ...errors.map((error) => inspect(error))].join("\n"), "letmein")
      }).pipe(Effect.provide(collect))
    })

    it.effect("an exchange or queue with other properties is used as it is, with one warning", () => {
      const { lines, collect } = logs()
      return Effect.gen(function* () {
        const server = yield* Server
        const { mail, orders, topic, topology } = freshTopology()
        yield* asStranger(server.url, async (channel) => {
          await channel.assertExchange(topic, "topic")
          await channel.assertQueue(orders, { arguments: { "x-queue-type": "classic" } })
          await channel.bindQueue(orders, topic, "#")
        })
        const { broker } = yield* connect(server.url, { topology, declareInterval: Duration.millis(100) })
        yield* insist(broker, outgoingMessage(topic, "order", "1"))
        yield* insist(broker, { ...outgoingMessage("", mail, "2"), mandatory: true })
        const { take } = yield* consumer(broker, orders)
        assert.deepStrictEqual((yield* take(1)).map(textOf), ["1"])
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line).message),
          ["Cannot declare all queues and exchanges"]
        )
        assert.include(lines[0], "PRECONDITION_FAILED")
        yield* asStranger(server.url, (channel) => channel.deleteQueue(orders))
        yield* insist(broker, outgoingMessage(topic, "order", "3"))
        yield* waitUntil(Effect.sync(() => lines.some((line) => line.includes("are declared"))))
      }).pipe(Effect.provide(collect))
    })

    it.effect("a message that cannot be encoded is refused without the others", () =>
      Effect.gen(function* () {
        const { broker, order, orders, topic } = yield* setUp()
        const outcomes = yield* broker.publishAll([
          order("1"),
          { ...order("2"), headers: { wrong: Number.NaN } },
          outgoingMessage(topic, `order.${"long".repeat(100)}`, "3"),
          order("4")
        ])
        assert.deepStrictEqual(outcomes, ["confirmed", "refused", "refused", "confirmed"])
        assert.deepStrictEqual((yield* (yield* consumer(broker, orders)).take(2)).map(textOf), ["1", "4"])
      })
    )

    it.effect("a full queue refuses messages", () =>
      Effect.gen(function* () {
        const { broker, order, orders, server } = yield* setUp()
        yield* server.control("set_policy", "--apply-to", "queues", "full", `^${orders}$`, '{"max-length":2}')
        // Not at once: the policy takes its time to come into force.
        yield* waitUntil(
          Effect.map(Effect.orDie(broker.publishAll([order("1"), order("2"), order("3")])), (outcomes) =>
            outcomes.includes("refused")
          )
        )
        const { take } = yield* consumer(broker, orders, 1)
        yield* answer((yield* take(1))[0], "ackThrough")
      })
    )

    it.effect("concurrent confirms are many times faster than sequential ones", () =>
      Effect.gen(function* () {
        const { broker, order, orders } = yield* setUp()
        const received = yield* journal(broker, orders)
        const timed = { alone: 0, together: 0 }
        // In turns, for the machine may be busy with other things now and then.
        for (let turn = 0; turn < 10; turn++) {
          const batch = Array.from({ length: 500 }, (_, index) => order(`${turn}.${index}`))
          timed.together += yield* milliseconds(broker.publishAll(batch))
          timed.alone += yield* milliseconds(Effect.forEach(batch.slice(0, 25), (one) => broker.publishAll([one])))
        }
        yield* Effect.logInfo(
          `${Math.round(5_000_000 / timed.together)} a second, alone ${Math.round(250_000 / timed.alone)}`
        )
        assert.isBelow(timed.together / 5000, timed.alone / 250 / 2)
        yield* waitUntil(Effect.sync(() => received.size === 5000))
      })
    )
  })
})
