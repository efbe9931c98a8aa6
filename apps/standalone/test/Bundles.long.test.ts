import { assert, describe, it } from "@effect/vitest"
import { notificationStatus } from "@user-service/broker/Topology"
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { cp } from "node:fs/promises"
import { join } from "node:path"
import { accountJourney, environment as journeyEnvironment } from "./AccountJourney.ts"
import * as Engines from "./Engines.ts"
import { expectAnswer, type Send, sender } from "./Http.ts"
import { journey, register } from "./Journey.ts"
import { layerListener, listen, message, publish } from "./Listener.ts"
import * as Mailbox from "./Mailbox.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const timeout = 180_000

const apps = join(import.meta.dirname, "../..")

/** The command that runs the bundle of an app, copied out of this clone. */
const bundleOf = Effect.fnUntraced(function* (app: "api" | "worker") {
  const made = join(apps, app, "bundle")
  if (!existsSync(made)) return yield* Effect.die(`${made} is not there: npm run bundle`)
  const folder = yield* Program.folder
  yield* Effect.promise(() => cp(made, folder, { recursive: true }))
  return { script: join(folder, "main.js"), args: [] }
})

/** The environment that production requires besides the engines. */
const production = Effect.gen(function* () {
  const JWT_KEYS_FILE = join(yield* Program.folder, "jwt-keys.json")
  const { code, stderr } = yield* Program.run({ JWT_KEYS_FILE }, Program.cli("keys", "rotate"))
  assert.strictEqual(code, 0, stderr)
  return {
    NODE_ENV: "production",
    PUBLIC_URL: "https://users.example.com",
    JWT_KEYS_FILE,
    SHUTDOWN_NOTICE_SECONDS: "0"
  }
})

/** The bundle has the console, and its compressed assets. */
const consoleIsServed = (send: Send) =>
  Effect.gen(function* () {
    const page = yield* expectAnswer(send)(200, undefined, "GET", "/admin/users/any")
    // Not the script: Node's fetch fails if a connection closes while it reads a large body.
    const [, style = ""] = /<link [^>]*href="([^"]+\.css)"/.exec(page.text) ?? []
    for (const coding of ["br", "gzip"]) {
      const asset = yield* expectAnswer(send)(200, undefined, "GET", style, { headers: { "accept-encoding": coding } })
      assert.strictEqual(asset.headers.get("content-encoding"), coding)
      assert.include(asset.text, "color-scheme")
    }
  })

describe.skipIf(!Engines.areAvailable)("the bundles of npm run bundle, without the clone, in production", () => {
  it.live(
    "the API serves the whole journey, and the worker publishes its events and takes in statuses",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const environment = { ...engines, ...(yield* production), ...journeyEnvironment }
        const listener = yield* Layer.build(layerListener(engines.RABBITMQ_URL))
        const events = yield* Effect.provide(listen(), listener)
        const mailbox = yield* Mailbox.ofQueue(engines.RABBITMQ_URL)
        const api = yield* Program.start(environment, yield* bundleOf("api"))
        const worker = yield* Program.start({ ...environment, WORKER_PORT: "0" }, yield* bundleOf("worker"))
        yield* expectAnswer(sender(worker.url))(200, undefined, "GET", "/health/ready")
        const send = sender(api.url)
        yield* journey(send)
        yield* accountJourney(send, { mailbox, events })
        yield* consoleIsServed(send)

        const person = yield* register(send)
        yield* waitUntil(
          "user.registered is published",
          Effect.sync(() => events.some(({ body }) => body["email"] === person.email))
        )
        const status = { notification_id: "order-1815", user_id: person.id, channel: "push", status: "delivered" }
        yield* publish(message(notificationStatus.name, "notification.status.push", status)).pipe(
          Effect.provide(listener)
        )
        yield* waitUntil(
          "The status is seen",
          Effect.map(
            expectAnswer(send)(200, undefined, "GET", "/api/v1/users/notifications/?status=delivered", {
              token: person.access
            }),
            ({ body }) => body.meta.total === 1
          )
        )
        for (const program of [api, worker]) {
          const { code, stderr } = yield* program.stop
          assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        }
      }),
    timeout
  )
})
