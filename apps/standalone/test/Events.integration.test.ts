import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import type { Outgoing } from "@user-service/broker/Message"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { userEvents } from "@user-service/broker/Topology"
import { Effect, Layer, Redacted, Stream } from "effect"
import * as Engines from "./Engines.ts"
import { expecting, sender } from "./Http.ts"
import { register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { until } from "./Waiting.ts"

const preferences = "/api/v1/users/preferences/"
const queue = "somebody-else"

interface Told {
  readonly routingKey: string
  readonly body: Readonly<Record<string, unknown>>
}

const probe: Outgoing = {
  exchange: userEvents.name,
  routingKey: "probe",
  body: new TextEncoder().encode("{}"),
  persistent: false,
  mandatory: true,
  headers: {}
}

/** All that is published from now on, as any other service hears it. */
const listen = Effect.fnUntraced(function* () {
  const { consume, publishAll } = yield* Broker
  const told: Array<Told> = []
  yield* consume(queue, { prefetch: 100 }).pipe(
    Stream.runForEach(({ ackThrough, message }) => {
      told.push({ routingKey: message.routingKey, body: JSON.parse(new TextDecoder().decode(message.body)) })
      return ackThrough
    }),
    Effect.forkScoped
  )
  yield* until(
    "The queue is bound",
    Effect.map(publishAll([probe]), ([outcome]) => outcome === "confirmed")
  )
  return told
})

const layerListener = (url: string) =>
  Broker.layerRabbitMq({
    topology: {
      exchanges: [userEvents],
      queues: [{ name: queue, bindings: [{ exchange: userEvents.name, pattern: "#" }], deliveryLimit: 20 }]
    }
  }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(url) })))

const timeout = 120_000

describe.skipIf(!Engines.areThere)("the events of the program on real engines", () => {
  it.live(
    "reach whoever listens on RabbitMQ, also of what is changed while it stops",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const listener = yield* Layer.build(layerListener(engines.RABBITMQ_URL))
        const told = yield* Effect.provide(listen(), listener)
        const program = yield* Program.start(engines)
        const expect = expecting(sender(program.url))
        const hears = (routingKey: string, field: string, value: unknown) =>
          until(
            `${routingKey} with ${field} ${String(value)}, of ${JSON.stringify(told)}`,
            Effect.sync(() => told.some((one) => one.routingKey === routingKey && one.body[field] === value))
          )
        const person = yield* register(sender(program.url))
        yield* hears("user.registered", "email", person.email)
        yield* hears("user.registered", "user_id", person.id)

        const health = yield* expect(200, undefined, "GET", "/health")
        assert.strictEqual(health.body.data.checks.broker.status, "up")

        yield* program.signal("SIGTERM")
        yield* until(
          "The program is not ready",
          Effect.map(sender(program.url)("GET", "/health/ready"), ({ status }) => status === 503)
        )
        yield* expect(200, undefined, "PATCH", preferences, { token: person.access, body: { frequency_limit: 7 } })
        yield* hears("preferences.updated", "user_id", person.id)
        const { code, stderr } = yield* program.ended
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      }),
    timeout
  )
})
