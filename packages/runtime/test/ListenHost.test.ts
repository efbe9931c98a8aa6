import { assert, describe, it } from "@effect/vitest"
import { config } from "@user-service/runtime/ListenHost"
import { ConfigProvider, Effect } from "effect"

const read = (HOST: string) =>
  config.pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { HOST } })),
    Effect.mapError(({ message }) => message)
  )

describe("HOST", () => {
  it.effect.each([
    ["127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "::"],
    ["[::1]", "::1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["localhost", "localhost"],
    ["user_service", "user_service"],
    ["api-1.internal.example.", "api-1.internal.example."]
  ] as const)("$0 is a place to listen on", ([written, host]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* read(written), host)
    })
  )

  it.effect("what no socket can listen on is refused at once, without asking a name server", () =>
    Effect.gen(function* () {
      for (const wrong of [
        "a b",
        "*",
        "256.1.1.1",
        "1.2.3",
        "::g",
        "[::1",
        "http://localhost",
        "/tmp/socket",
        "a..b",
        "."
      ]) {
        assert.include(yield* Effect.flip(read(wrong)), "must be an address or a host name to listen on", wrong)
      }
      for (const wrong of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"]) {
        assert.include(yield* Effect.flip(read(wrong)), "must be without a port", wrong)
      }
    })
  )
})
