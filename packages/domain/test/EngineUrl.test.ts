import { assert, describe, it } from "@effect/vitest"
import { engineUrl, isUrlOf } from "@user-service/domain/EngineUrl"
import { ConfigProvider, Effect, Redacted } from "effect"

const config = engineUrl("ENGINE_URL", { isValid: isUrlOf("amqp", "amqps"), form: "amqp://host:port" })
const read = (text: string) =>
  config.pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ ENGINE_URL: text })))

describe("the address of an engine", () => {
  it.effect("is redacted", () =>
    Effect.gen(function* () {
      const url = yield* read("amqps://user:hunter2@broker:5671")
      assert.strictEqual(Redacted.value(url), "amqps://user:hunter2@broker:5671")
      assert.notInclude(String(url), "hunter2")
    })
  )

  it.effect("that is invalid is reported by its expected form, never with its value", () =>
    Effect.gen(function* () {
      for (const text of ["nonsense-hunter2", "http://user:hunter2@broker", "amqp:hunter2", "amqp://"]) {
        const error = yield* Effect.flip(read(text))
        assert.include(error.message, "amqp://host:port")
        assert.notInclude(error.message, "hunter2")
      }
    })
  )
})
