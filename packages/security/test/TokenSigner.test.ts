import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Keys } from "@user-service/security/Keys"
import { suite } from "@user-service/security/testing/TokenSignerSuite"
import { config, secretKeyProblem } from "@user-service/security/TokenSigner"
import { ConfigProvider, Effect, FileSystem, Layer } from "effect"

const keysInFile = Layer.unwrap(Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  return Keys.layerFile({ path: `${directory}/keys.json`, create: true })
})).pipe(Layer.provide(NodeFileSystem.layer))

suite("EdDSA over Keys.layerMemory", "EdDSA", Keys.layerMemory)
suite("EdDSA over Keys.layerFile", "EdDSA", keysInFile)
suite("HS256 over Keys.layerMemory", "HS256", Keys.layerMemory)
suite("HS256 over Keys.layerFile", "HS256", keysInFile)

describe("config", () => {
  const read = (env: Record<string, string>) => config.parse(ConfigProvider.fromUnknown(env))

  it.effect("an empty environment signs with EdDSA as user-service for user-service", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read({}), {
        algorithm: "EdDSA",
        issuer: "user-service",
        audience: "user-service"
      })
    }))

  it.effect("HS256 needs a secret", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* Effect.isFailure(read({ JWT_ALGORITHM: "HS256" })))
      assert.strictEqual((yield* read({ JWT_ALGORITHM: "HS256", SECRET_KEY: "s" })).algorithm, "HS256")
    }))

  it.effect("no other algorithm can be chosen", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* Effect.isFailure(read({ JWT_ALGORITHM: "none" })))
    }))
})

describe("secretKeyProblem", () => {
  it.each([
    "",
    "short",
    "x".repeat(64),
    "abababababababababababababababababababab",
    "django-insecure-3k2j5h2k3j5h2k3j5h23kj5h2k3j5h",
    "please-change-me-please-change-me-please",
    "CHANGE_THIS_TO_SOMETHING_SECRET_AND_LONG",
    "your-secret-key-here-your-secret-key-here"
  ])("%j is too weak", (secret) => {
    assert.isString(secretKeyProblem(secret))
  })

  it.each(["f47b1c2e9d3a58067b1c2e9d3a58067f", "Zx8!qP2#mN5$kL9@wR4%tY7^uI1&oA3*"])("%j is strong enough", (secret) => {
    assert.isUndefined(secretKeyProblem(secret))
  })
})
