import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { readFileSync } from "node:fs"
import { parseEnv } from "node:util"
import { read } from "../src/WorkerSettings.ts"

const file = readFileSync(new URL("../../../.env.example", import.meta.url), "utf8")
const uncommented = (text: string) => parseEnv(text.replaceAll(/^#(?=[A-Z])/gm, ""))

/** The variables of the file that only the worker reads, with their documented defaults. */
const stated = uncommented(/^## Worker.*\n([^]*?)^## /m.exec(file)?.[1] ?? "")

const engines = {
  DATABASE_URL: "postgres://database.internal/users",
  REDIS_URL: "redis://cache.internal",
  RABBITMQ_URL: "amqp://broker.internal"
}

const settingsOf = Effect.fnUntraced(function* (environment: NodeJS.Dict<string>) {
  const asked = new Set<string>()
  const source = ConfigProvider.fromUnknown({ ...engines, ...environment })
  const recorder = ConfigProvider.make((path) =>
    Effect.suspend(() => {
      asked.add(path.join("_"))
      return source.load(path)
    })
  )
  const settings = yield* Effect.provideService(read, ConfigProvider.ConfigProvider, recorder)
  return { asked, settings }
})

const others: Readonly<Record<string, string>> = {
  WORKER_PORT: "9",
  OUTBOX_RETENTION: "9d",
  DELIVERY_RETENTION: "40d",
  DEAD_LETTER_RETENTION: "9d",
  PUSH_TOKEN_STALE_AFTER: "9d",
  PUSH_TOKEN_REMOVED_AFTER: "300d"
}

describe("what .env.example says of the worker", () => {
  it.effect("are its defaults", () =>
    Effect.gen(function* () {
      const { settings } = yield* settingsOf({})
      assert.deepStrictEqual((yield* settingsOf(stated)).settings, settings)
    })
  )

  it.effect("is every variable that it reads", () =>
    Effect.gen(function* () {
      const { asked } = yield* settingsOf({})
      const known = Object.keys(uncommented(file))
      assert.deepStrictEqual(
        [...asked].filter((name) => !known.includes(name)),
        []
      )
      assert.deepStrictEqual(
        Object.keys(stated).filter((name) => !asked.has(name)),
        []
      )
    })
  )

  it.effect("would be noticed: another value is another setting", () =>
    Effect.gen(function* () {
      const { settings } = yield* settingsOf({})
      for (const name of Object.keys(stated)) {
        const other = yield* settingsOf({ [name]: others[name] })
        assert.notDeepEqual(other.settings, settings, name)
      }
    })
  )
})
