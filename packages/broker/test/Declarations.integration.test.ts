import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { consumer, waitUntil } from "@user-service/broker/testing/Fresh"
import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import * as Topology from "@user-service/broker/Topology"
import { Context, Effect, Layer } from "effect"
import { type AddressInfo, connect, createServer } from "node:net"
import { oneProcess, rabbitmqUrl } from "./engine.ts"

interface QueueDeclaration {
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly hasDeliveryLimit: boolean
  readonly isQuorum: boolean
}

const prefetch = 7

// AMQP 0-9-1, sections 2.3 and 4.2: the ids of class and method.
const queueDeclare = 0x0032_000a
const basicQos = 0x003c_000a

/** What the client sends through a proxy: its declarations of queues, and its settings of the prefetch. */
const record = Effect.fnUntraced(function* (url: string) {
  const queues = new Map<string, QueueDeclaration>()
  const prefetches: Array<{ readonly count: number; readonly global: boolean }> = []
  const readMethod = (method: Buffer) => {
    const id = method.readUInt32BE(0)
    if (id === basicQos) prefetches.push({ count: method.readUInt16BE(8), global: method.readUInt8(10) === 1 })
    if (id !== queueDeclare) return
    const end = 7 + method.readUInt8(6)
    const bits = method.readUInt8(end)
    const tableText = method.subarray(end + 1).toString("latin1")
    queues.set(method.subarray(7, end).toString(), {
      durable: (bits & 2) !== 0,
      exclusive: (bits & 4) !== 0,
      autoDelete: (bits & 8) !== 0,
      hasDeliveryLimit: tableText.includes("x-delivery-limit"),
      isQuorum: tableText.includes("quorum")
    })
  }
  const { hostname, port } = new URL(url)
  const server = createServer((client) => {
    let received = Buffer.alloc(0)
    // Where the next frame begins. The first 8 bytes are the protocol header, which is no frame.
    let at = 8
    client.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= at + 8 && received.length >= at + received.readUInt32BE(at + 3) + 8) {
        const size = received.readUInt32BE(at + 3)
        if (received.readUInt8(at) === 1) readMethod(received.subarray(at + 7, at + 7 + size))
        at += size + 8
      }
    })
    const broker = connect({ host: hostname, port: Number(port) })
    client.pipe(broker).pipe(client)
    client.on("error", () => broker.destroy())
    broker.on("error", () => client.destroy())
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => void server.close())
  )
  const through = new URL(url)
  through.hostname = "127.0.0.1"
  through.port = String((server.address() as AddressInfo).port)
  return { queues, prefetches, url: through.href }
})

describe.skipIf(rabbitmqUrl === "")("what the service declares", () => {
  it.live(
    "needs no feature that RabbitMQ 4 has removed or denies, and does not depend on its default delivery limit",
    () =>
      Effect.gen(function* () {
        const recorded = yield* record(yield* TestRabbitMq.freshVirtualHost(rabbitmqUrl))
        const context = yield* Layer.build(oneProcess(recorded.url, { topology: Topology.userService }))
        const broker = Context.get(context, Broker)
        for (const { name } of Topology.userService.queues) yield* consumer(broker, name, prefetch)
        const names = Topology.userService.queues.map(({ name }) => name)
        yield* waitUntil(Effect.sync(() => recorded.prefetches.length === names.length))
        const declared = { durable: true, exclusive: false, autoDelete: false, hasDeliveryLimit: true, isQuorum: true }
        assert.deepStrictEqual(
          Object.fromEntries(recorded.queues),
          Object.fromEntries(names.map((name) => [name, declared]))
        )
        assert.deepStrictEqual(
          recorded.prefetches,
          names.map(() => ({ count: prefetch, global: false }))
        )
      })
  )
})
