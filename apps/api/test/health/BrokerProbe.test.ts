import { assert, describe, it } from "@effect/vitest"
import { probeBroker } from "@user-service/api/health/BrokerProbe"
import { Effect, Redacted } from "effect"
import { createServer } from "node:net"

/** A port of a broker. */
const listeningPort = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = address === null || typeof address === "string" ? assert.fail("No port") : address.port
      resume(Effect.succeed({ port, close: () => void server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
).pipe(Effect.map(({ port }) => port))

const probe = (hosts: string) => probeBroker(Redacted.make(`amqp://guest:guest@${hosts}/`))

describe("the probe of the broker", () => {
  it.live("succeeds while one of several nodes listens, and names the reason if none does", () =>
    Effect.gen(function* () {
      const port = yield* listeningPort
      yield* probe(`127.0.0.1:${port}`)
      yield* probe(`127.0.0.1:1,127.0.0.1:${port}`)
      const { message } = yield* Effect.flip(probe("127.0.0.1:1,127.0.0.1:2"))
      assert.match(message, /^RabbitMQ cannot be used as RABBITMQ_URL says: nothing listens there/)
    })
  )
})
