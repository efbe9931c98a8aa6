import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { SessionId } from "@user-service/domain/Session"
import { type AccessClaims, TokenInvalid } from "@user-service/domain/Token"
import { UserId } from "@user-service/domain/User"
import { KeyFileSettings, Keys } from "@user-service/security/Keys"
import * as KeySet from "@user-service/security/KeySet"
import { suite } from "@user-service/security/testing/TokenSignerSuite"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { ConfigProvider, Effect, FileSystem, Layer } from "effect"
import { TestClock } from "effect/testing"
import { decodeProtectedHeader } from "jose"

const keysAt = (path: string, create: boolean) =>
  Keys.layerFile.pipe(Layer.provide(Layer.succeed(KeyFileSettings, { path, create, exposed: "refuse" })))

const keysInFile = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    return keysAt(`${directory}/keys.json`, true)
  })
).pipe(Layer.provide(NodeFileSystem.layer))

suite("EdDSA over Keys.layerMemory", "EdDSA", Keys.layerMemory)
suite("EdDSA over Keys.layerFile", "EdDSA", keysInFile)
suite("HS256 over Keys.layerMemory", "HS256", Keys.layerMemory)
suite("HS256 over Keys.layerFile", "HS256", keysInFile)

describe("rotation", () => {
  const next = KeySet.makeKeyPair()
  const set = KeySet.rotate(KeySet.generate(0), next, { now: 1000, accessLifetimeSeconds: 3600 })
  const oldKeyEnds = 1300 + 3600 + 60
  const rotated = Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/keys.json`
      yield* fs.writeFileString(path, KeySet.format(set), { mode: 0o600 })
      return keysAt(path, false)
    })
  ).pipe(Layer.provide(NodeFileSystem.layer))
  const signer = TokenSigner.layer.pipe(
    Layer.provide([rotated, Layer.succeed(TokenSettings, { algorithm: "EdDSA", issuer: "a", audience: "b" })])
  )
  const claims = (issuedAt: number, expiresAt: number): AccessClaims => ({
    userId: UserId.make("01890a5d-ac96-774b-bcce-b302099a8057"),
    sessionId: SessionId.make("01890a5d-ac96-774b-bcce-b302099a8058"),
    tokenId: "01890a5d-ac96-774b-bcce-b302099a8059",
    tokenType: "access",
    issuedAt,
    expiresAt
  })

  it.effect("tokens of the old and of the next key are both valid", () =>
    Effect.gen(function* () {
      const { sign, verify } = yield* TokenSigner
      yield* TestClock.setTime(1_300_000)
      const [old, young] = [claims(1299, 4899), claims(1300, 4900)]
      const tokens = [yield* sign(old), yield* sign(young)]
      const kids = tokens.map((token) => decodeProtectedHeader(token).kid)
      assert.deepStrictEqual(kids, [set.access[0].kid, next.kid])
      assert.deepStrictEqual(yield* Effect.forEach(tokens, (token) => verify("access", token)), [old, young])
    }).pipe(Effect.provide(signer))
  )

  it.effect("tokens of an expired key are refused, and the JWKS no longer contains the key", () =>
    Effect.gen(function* () {
      const { jwks, sign, verify } = yield* TokenSigner
      const stolen = yield* sign(claims(1200, 99_999))
      yield* TestClock.setTime(oldKeyEnds * 1000)
      assert.instanceOf(yield* Effect.flip(verify("access", stolen)), TokenInvalid)
      assert.deepStrictEqual(
        (yield* jwks).keys.map((key) => key.kid),
        [next.kid]
      )
    }).pipe(Effect.provide(signer))
  )
})

describe("config", () => {
  const read = (env: Record<string, string>) => TokenSettings.config.parse(ConfigProvider.fromUnknown(env))

  it.effect("an empty environment signs with EdDSA as user-service for user-service", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), {
        algorithm: "EdDSA",
        issuer: "user-service",
        audience: "user-service"
      })
    })
  )

  it.effect("HS256 requires a secret", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* Effect.isFailure(read({ JWT_ALGORITHM: "HS256" })))
      assert.strictEqual((yield* read({ JWT_ALGORITHM: "HS256", SECRET_KEY: "s" })).algorithm, "HS256")
    })
  )

  it.effect("other algorithms are refused", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* Effect.isFailure(read({ JWT_ALGORITHM: "none" })))
    })
  )
})
