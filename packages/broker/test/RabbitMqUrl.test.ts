import { assert, describe, it } from "@effect/vitest"
import { config } from "@user-service/broker/RabbitMqUrl"
import { ConfigProvider, Effect, Option, Redacted } from "effect"

const read = (environment: Record<string, string>) => config.parse(ConfigProvider.fromUnknown(environment))

describe("RABBITMQ_URL", () => {
  it.effect("is amqp or amqps", () =>
    Effect.gen(function* () {
      for (const url of ["amqp://user:pass@host:5672/vhost", "amqps://host", "amqp://[::1]:5672"]) {
        assert.strictEqual(Redacted.value(Option.getOrThrow(yield* read({ RABBITMQ_URL: url }))), url)
      }
      assert.isTrue(Option.isNone(yield* read({})))
    })
  )

  it.effect("is refused otherwise, without a word of what was given", () =>
    Effect.gen(function* () {
      for (const url of ["http://user:hunter2@host", "hunter2", "amqp://user:hunter2@host:port"]) {
        const error = yield* Effect.flip(read({ RABBITMQ_URL: url }))
        assert.include(error.message, "RABBITMQ_URL")
        assert.notInclude(error.message, "hunter2")
      }
    })
  )
})
