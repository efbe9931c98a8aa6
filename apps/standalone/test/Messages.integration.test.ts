import { assert, describe, it } from "@effect/vitest"
import { notificationStatus } from "@user-service/broker/Topology"
import { Effect, Layer } from "effect"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { register } from "./Journey.ts"
import { layerListener, listen, message, publish } from "./Listener.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const preferences = "/api/v1/users/preferences/"
const timeout = 120_000

describe.skipIf(!Engines.areAvailable)("the messages of the program on real engines", () => {
  it.live(
    "events reach whoever listens on RabbitMQ, also while it stops, and statuses told there reach the user",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const listener = yield* Layer.build(layerListener(engines.RABBITMQ_URL))
        const told = yield* Effect.provide(listen(), listener)
        const program = yield* Program.start({ ...engines, SHUTDOWN_NOTICE_SECONDS: "2" })
        const expect = expectAnswer(sender(program.url))
        const hears = (routingKey: string, field: string, value: unknown) =>
          waitUntil(
            `${routingKey} with ${field} ${String(value)}, of ${JSON.stringify(told)}`,
            Effect.sync(() => told.some((one) => one.routingKey === routingKey && one.body[field] === value))
          )
        const person = yield* register(sender(program.url))
        yield* hears("user.registered", "email", person.email)
        yield* hears("user.registered", "user_id", person.id)

        const health = yield* expect(200, undefined, "GET", "/health")
        assert.strictEqual(health.body.data.checks.broker.status, "up")

        const status = { notification_id: "order-1815", user_id: person.id, channel: "push", status: "delivered" }
        yield* publish(message(notificationStatus.name, "notification.status.push", status)).pipe(
          Effect.provide(listener)
        )
        yield* waitUntil(
          "The status is seen",
          Effect.map(
            expect(200, undefined, "GET", "/api/v1/users/notifications/?status=delivered", { token: person.access }),
            ({ body }) => body.meta.total === 1 && body.data[0].notification_id === "order-1815"
          )
        )

        yield* program.signal("SIGTERM")
        yield* waitUntil(
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
