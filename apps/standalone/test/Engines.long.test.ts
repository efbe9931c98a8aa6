import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Engines from "./Engines.ts"
import { sender } from "./Http.ts"
import { journey } from "./Journey.ts"
import * as Program from "./Program.ts"

const timeout = 180_000

/** The engines that the program logs. */
const loggedEngines = (program: Program.Service) =>
  /database=(.+?) cache=(.+?) broker=(.+)/.exec(program.stdout())?.slice(1)

describe.skipIf(!Engines.areAvailable)("the program on real engines, each for itself", () => {
  it.live(
    "with all three configured, everything works and nothing embedded is created",
    () =>
      Effect.gen(function* () {
        const program = yield* Program.start(yield* Engines.all)
        assert.deepStrictEqual(loggedEngines(program), ["PostgreSQL", "Redis", "RabbitMQ"])
        yield* journey(sender(program.url))
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
        const program = yield* Program.start(yield* Engines.database)
        assert.deepStrictEqual(loggedEngines(program), ["PostgreSQL", `"in this process"`, `"in this process"`])
        yield* journey(sender(program.url))
      }),
    timeout
  )

  it.live(
    "with Redis and RabbitMQ, and the embedded database",
    () =>
      Effect.gen(function* () {
        const program = yield* Program.start({ ...(yield* Engines.redis), ...(yield* Engines.rabbitmq) })
        assert.deepStrictEqual(loggedEngines(program), [`"PGlite, in this process"`, "Redis", "RabbitMQ"])
        yield* journey(sender(program.url))
      }),
    timeout
  )
})
