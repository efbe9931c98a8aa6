import { assert, describe, it } from "@effect/vitest"
import { BrokerHealth } from "@user-service/broker/RabbitMq"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { waitUntil } from "@user-service/broker/testing/Fresh"
import { Context, Effect, Layer, Random, Redacted } from "effect"
import { createServer, type Socket } from "node:net"
import { rabbitmqUrl } from "./engine.ts"

/** A port that accepts connections and answers nothing, as a frozen node does. Counts the connections. */
const silentNode = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly sockets: Array<Socket>; readonly close: () => void }>(
      (resume) => {
        const sockets: Array<Socket> = []
        const server = createServer((socket) => void sockets.push(socket.on("error", () => {})))
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = address === null || typeof address === "string" ? assert.fail("No port") : address.port
          const close = () => {
            for (const socket of sockets) socket.destroy()
            server.close()
          }
          resume(Effect.succeed({ port, sockets, close }))
        })
      }
    ),
    ({ close }) => Effect.sync(close)
  ),
  ({ port, sockets }) => ({ port, connections: () => sockets.length })
)

const hostOf = (url: string) => new URL(url).host

describe.skipIf(rabbitmqUrl === "")("RABBITMQ_URL with several nodes", () => {
  it.live("connects to the next one where one refuses, and then where one answers nothing", () =>
    Effect.gen(function* () {
      const silent = yield* silentNode
      const host = hostOf(rabbitmqUrl)
      const url = rabbitmqUrl.replace(host, `127.0.0.1:1,127.0.0.1:${silent.port},${host}`)
      const context = yield* Layer.build(Layer.fresh(RabbitMq.layer({ url: Redacted.make(url) })))
      const { ping } = Context.get(context, BrokerHealth)
      yield* waitUntil(Effect.match(ping, { onFailure: () => false, onSuccess: () => true }))
    }).pipe(Effect.scoped)
  )

  it.live("begins with any of them, so that the connections are on all", () =>
    Effect.gen(function* () {
      const nodes = [yield* silentNode, yield* silentNode]
      const url = `amqp://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`
      yield* Effect.forEach(
        Array.from({ length: 12 }, (_, seed) => seed),
        (seed) =>
          Effect.scoped(Layer.build(Layer.fresh(RabbitMq.layer({ url: Redacted.make(url) })))).pipe(
            Random.withSeed(seed)
          ),
        { concurrency: "unbounded", discard: true }
      )
      for (const { connections } of nodes) assert.isAbove(connections(), 0)
    })
  )
})
