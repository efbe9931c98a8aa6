import { assert, describe, it } from "@effect/vitest"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { Duration, Effect, Fiber } from "effect"
import * as Engines from "./Engines.ts"
import { type Send, sender } from "./Http.ts"
import { type Person, register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const clients = 8
const preferences = "/api/v1/users/preferences/"

/** Clients that write until the scope closes, each one change after the other. */
const write = Effect.fnUntraced(function* (send: Send, people: ReadonlyArray<Person>) {
  const failed: Array<string> = []
  let written = 0
  const load = { isOver: false }
  const client = Effect.fnUntraced(function* ({ access }: Person) {
    for (let turn = 1; !load.isOver; turn++) {
      const body = { frequency_limit: turn % 1000 }
      const { status, text } = yield* send("PATCH", preferences, { token: access, body })
      if (status === 200) written++
      else failed.push(`${status} ${text}`)
    }
  })
  const running = yield* Effect.forkScoped(Effect.forEach(people, client, { concurrency: "unbounded" }))
  const more = (count: number) => {
    const before = written
    return waitUntil(
      `${count} more writes`,
      Effect.sync(() => written >= before + count)
    )
  }
  const end = Effect.gen(function* () {
    load.isOver = true
    yield* Fiber.join(running)
    return { failed, written }
  })
  return { more, end }
})

describe.skipIf(!Engines.areAvailable || !RabbitMqServer.isInstalled)("while RabbitMQ is down", () => {
  it.live(
    "no write fails, and all events are published within half a minute of its return",
    () =>
      Effect.gen(function* () {
        const rabbitmq = yield* RabbitMqServer.make
        yield* rabbitmq.start
        const engines = { ...(yield* Engines.database), ...(yield* Engines.redis), RABBITMQ_URL: rabbitmq.url }
        const program = yield* Program.start({ ...engines, RATE_LIMIT_REGISTER: "off", RATE_LIMIT_WRITE: "off" })
        const send = sender(program.url)
        const people = yield* Effect.replicateEffect(register(send), clients)
        const broker = Effect.map(send("GET", "/health"), ({ body }) => body.data.checks.broker.status)
        const waiting = Effect.map(
          Engines.execute("select 1 from outbox where published_at is null", engines.DATABASE_URL),
          (rows) => rows.length
        )

        const load = yield* write(send, people)
        yield* load.more(100)
        yield* rabbitmq.kill
        yield* waitUntil(
          "The broker is known to be down",
          Effect.map(broker, (status) => status === "down")
        )
        yield* load.more(300)
        assert.isAtLeast(yield* waiting, 300)
        yield* rabbitmq.start
        const [elapsed, { failed, written }] = yield* Effect.timed(
          Effect.andThen(
            waitUntil(
              "The broker is known to be up",
              Effect.map(broker, (status) => status === "up")
            ),
            Effect.tap(load.end, () =>
              waitUntil(
                "Nothing waits",
                Effect.map(waiting, (count) => count === 0)
              )
            )
          )
        )
        assert.deepStrictEqual(failed, [])
        assert.isAtLeast(written, 400)
        assert.isBelow(Duration.toSeconds(elapsed), 30)
      }),
    180_000
  )
})
