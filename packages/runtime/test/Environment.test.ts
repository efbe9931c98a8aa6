import { assert, describe, it } from "@effect/vitest"
import * as Environment from "@user-service/runtime/Environment"
import { Config, ConfigProvider, Effect, Option, Redacted } from "effect"

const parts = {
  port: Config.Int("PORT").pipe(Config.withDefault(8000)),
  secret: Config.option(Config.Redacted("SECRET")),
  name: Config.NonEmptyString("NAME").pipe(Config.withDefault("none"))
}

const read = (env: Record<string, string>) =>
  Environment.read(parts).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))

describe("a value of the environment", () => {
  it.effect("is without the space around it, and a line break at its end", () =>
    Effect.gen(function* () {
      const { name, port, secret } = yield* read({ PORT: " 80 ", SECRET: "a b\r\n", NAME: "\tx\n" })
      assert.deepStrictEqual([port, Redacted.value(Option.getOrThrow(secret)), name], [80, "a b", "x"])
    })
  )

  it.effect("that is nothing but space is not set", () =>
    Effect.gen(function* () {
      const { name, port, secret } = yield* read({ PORT: " ", SECRET: "\n", NAME: "" })
      assert.deepStrictEqual([port, secret, name], [8000, Option.none(), "none"])
    })
  )

  it.effect("is trimmed where a longer name begins with its own", () =>
    Effect.gen(function* () {
      const { name } = yield* read({ NAME: " x ", NAME_FILE: "y" })
      assert.strictEqual(name, "x")
    })
  )

  it.effect("that is wrong is named", () =>
    Effect.gen(function* () {
      const { problems } = yield* Effect.flip(read({ PORT: "x\n" }))
      assert.strictEqual(problems.length, 1)
      assert.match(problems[0] ?? "", /^PORT: /)
    })
  )
})
