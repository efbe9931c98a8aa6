import { assert, describe, it } from "@effect/vitest"
import { config, hostOf, loginOf, nodesOf } from "@user-service/broker/RabbitMqUrl"
import { ConfigProvider, Effect, Option, Redacted } from "effect"

const read = (environment: Record<string, string>) => config.parse(ConfigProvider.fromUnknown(environment))

describe("RABBITMQ_URL", () => {
  it.effect("is amqp or amqps", () =>
    Effect.gen(function* () {
      for (const url of [
        "amqp://user:pass@host:5672/vhost",
        "amqps://host",
        "amqp://[::1]:5672",
        "amqp://host?frameMax=8192",
        "amqp://user:p,w@a,b:5673, [::1]:5674/vhost?heartbeat=5"
      ]) {
        assert.strictEqual(Redacted.value(Option.getOrThrow(yield* read({ RABBITMQ_URL: url }))), url)
      }
      assert.isTrue(Option.isNone(yield* read({})))
    })
  )

  it.effect("is refused otherwise, without a word of what was given", () =>
    Effect.gen(function* () {
      const form = "must be amqp://user:password@host:port/vhost, or amqps:// for TLS"
      const problems = {
        "http://user:hunter2@host": form,
        hunter2: form,
        "amqp://user:hunter2@host:0": form,
        "amqp://user:hunter2@a,,b": form,
        "amqp://user:hunter2@a,b:0": form,
        "amqp://user:hunter2@host:port": form,
        "amqp://user:hunter2%zz@host": "has a % without two hexadecimal digits after it: write %25 for a % itself",
        "amqp://user:hunter2%e4@host": "has percent-encoded bytes that are not UTF-8",
        "amqp://user:hunter2@host?verify=verify_none": "must have no parameters but heartbeat, frameMax",
        "amqp://host?frameMax=4096": "has an invalid frameMax",
        "amqp://host?heartbeat=hunter2": "has an invalid heartbeat",
        "amqp://host?heartbeat=1&heartbeat=2": "has an invalid heartbeat"
      }
      for (const [url, problem] of Object.entries(problems)) {
        const error = yield* Effect.flip(read({ RABBITMQ_URL: url }))
        assert.include(error.message, "RABBITMQ_URL")
        assert.include(error.message, problem)
        assert.notInclude(error.message, "hunter2")
      }
    })
  )

  it("names one node or several, with one login, virtual host and parameters", () => {
    assert.deepStrictEqual(nodesOf("amqp://host"), ["amqp://host"])
    assert.deepStrictEqual(nodesOf("amqps://u:p,w@a,b:5673, [::1]:5674/vhost?heartbeat=5"), [
      "amqps://u:p,w@a/vhost?heartbeat=5",
      "amqps://u:p,w@b:5673/vhost?heartbeat=5",
      "amqps://u:p,w@[::1]:5674/vhost?heartbeat=5"
    ])
  })

  it("has the usual port of its scheme, and an IPv6 address without brackets", () => {
    assert.deepStrictEqual(hostOf("amqp://host"), { host: "host", port: 5672 })
    assert.deepStrictEqual(hostOf("amqps://host"), { host: "host", port: 5671 })
    assert.deepStrictEqual(hostOf("amqps://[::1]:1"), { host: "::1", port: 1 })
  })

  it("has a login of any characters, percent-encoded as UTF-8", () => {
    assert.deepStrictEqual(loginOf("amqp://us%C3%A9r:p%25%C3%A4@host"), { user: "usér", password: "p%ä" })
    assert.deepStrictEqual(loginOf("amqp://host"), { user: "guest", password: "guest" })
  })
})
