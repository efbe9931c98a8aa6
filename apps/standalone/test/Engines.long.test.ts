import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { accountJourney, environment } from "./AccountJourney.ts"
import * as Engines from "./Engines.ts"
import { sender } from "./Http.ts"
import { journey } from "./Journey.ts"
import { layerListener, listen } from "./Listener.ts"
import * as Mailbox from "./Mailbox.ts"
import * as Program from "./Program.ts"

const timeout = 180_000

/** The engines that the program logs. */
const loggedEngines = (program: Program.Service) =>
  /database=(.+?) cache=(.+?) broker=(.+)/.exec(program.stdout())?.slice(1)

/** The mails and the events that other services receive. */
const outside = Effect.fnUntraced(function* (rabbitmqUrl: string) {
  const listener = yield* Layer.build(layerListener(rabbitmqUrl))
  return { mailbox: yield* Mailbox.ofQueue(rabbitmqUrl), events: yield* Effect.provide(listen(), listener) }
})

describe.skipIf(!Engines.areAvailable)("the program on real engines, each for itself", () => {
  it.live(
    "with all three configured, everything works and nothing embedded is created",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const surroundings = yield* outside(engines.RABBITMQ_URL)
        const program = yield* Program.start({ ...engines, ...environment })
        assert.deepStrictEqual(loggedEngines(program), ["PostgreSQL", "Redis", "RabbitMQ"])
        yield* journey(sender(program.url))
        yield* accountJourney(sender(program.url), surroundings)
        assert.isFalse(existsSync(join(program.cwd, ".data/pglite")))
        const { code, stderr } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      }),
    timeout
  )

  it.live(
    "with PostgreSQL alone",
    () =>
      Effect.gen(function* () {
        const program = yield* Program.start({ ...(yield* Engines.database), ...environment })
        assert.deepStrictEqual(loggedEngines(program), ["PostgreSQL", `"in this process"`, `"in this process"`])
        yield* journey(sender(program.url))
        yield* accountJourney(sender(program.url), { mailbox: Mailbox.ofFolder(program) })
      }),
    timeout
  )

  it.live(
    "with Redis and RabbitMQ, and the embedded database",
    () =>
      Effect.gen(function* () {
        const rabbitmq = yield* Engines.rabbitmq
        const surroundings = yield* outside(rabbitmq.RABBITMQ_URL)
        const program = yield* Program.start({ ...(yield* Engines.redis), ...rabbitmq, ...environment })
        assert.deepStrictEqual(loggedEngines(program), [`"PGlite, in this process"`, "Redis", "RabbitMQ"])
        yield* journey(sender(program.url))
        yield* accountJourney(sender(program.url), surroundings)
      }),
    timeout
  )
})
