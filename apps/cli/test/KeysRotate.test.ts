import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import type { AccessClaims } from "@user-service/domain/Token"
import { SessionId } from "@user-service/domain/Session"
import { UserId } from "@user-service/domain/User"
import { KeyFileSettings, Keys } from "@user-service/security/Keys"
import * as KeySet from "@user-service/security/KeySet"
import { TokenSettings } from "@user-service/security/TokenSettings"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Clock, Context, Effect, Layer, Result } from "effect"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cli, failure, folder, patient } from "./Program.ts"

const read = (path: string) => Result.getOrThrow(KeySet.parse(readFileSync(path, "utf8")))

/** The signer of a process that has loaded the current key file. */
const signerOver = (path: string) =>
  TokenSigner.layer.pipe(
    Layer.provide(Keys.layerFile),
    Layer.provide([
      Layer.succeed(KeyFileSettings, { path, create: false, exposed: "refuse" }),
      Layer.succeed(TokenSettings, { algorithm: "EdDSA", issuer: "user-service", audience: "user-service" })
    ]),
    Layer.provide(NodeFileSystem.layer),
    Layer.build,
    Effect.map((context) => Context.get(context, TokenSigner))
  )

const claims = Effect.map(Clock.currentTimeMillis, (millis): AccessClaims => ({
  userId: UserId.make("01890a5d-ac96-774b-bcce-b302099a8057"),
  sessionId: SessionId.make("01890a5d-ac96-774b-bcce-b302099a8058"),
  tokenId: "01890a5d-ac96-774b-bcce-b302099a8059",
  tokenType: "access",
  issuedAt: Math.floor(millis / 1000),
  expiresAt: Math.floor(millis / 1000) + 600
}))

describe("keys rotate", patient, () => {
  it.live("creates a missing file, readable only by its owner, and reports it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const outcome = yield* cli(["keys", "rotate"], { cwd })
      const path = join(cwd, ".data/jwt-keys.json")
      const [key] = read(path).access
      assert.deepStrictEqual(outcome, {
        code: 0,
        stdout: `Made .data/jwt-keys.json, which did not exist: key ${key.kid} signs at once\n`,
        stderr: ""
      })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    })
  )

  it.live("publishes the next key, while the old one continues to sign and verify", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const path = join(cwd, "keys.json")
      const env = { JWT_KEYS_FILE: path, NODE_ENV: "production", ACCESS_TOKEN_LIFETIME_MINUTES: "5" }
      yield* cli(["keys", "rotate"], { cwd, env })
      const before = read(path)
      const token = yield* (yield* signerOver(path)).sign(yield* claims)

      const { code, stderr, stdout } = yield* cli(["keys", "rotate"], { cwd, env })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      const after = read(path)
      const [old, next, ...others] = after.access
      assert.deepStrictEqual([others, old.kid, after.refresh], [[], before.access[0].kid, before.refresh])
      assert.isDefined(next)
      assert.include(stdout, `Published key ${next?.kid} in ${path}: it signs from `)
      // The lifetime of the tokens and a minute of clock skew.
      assert.strictEqual((old.notAfter ?? 0) - (next?.notBefore ?? 0), 5 * 60 + 60)
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)

      const signer = yield* signerOver(path)
      assert.strictEqual((yield* signer.verify("access", token)).tokenId, (yield* claims).tokenId)
      assert.deepStrictEqual(
        (yield* signer.jwks).keys.map((key) => key.kid),
        [old.kid, next?.kid]
      )
      const [header = ""] = (yield* signer.sign(yield* claims)).split(".")
      assert.strictEqual(JSON.parse(Buffer.from(header, "base64url").toString()).kid, old.kid)
    })
  )

  it.live("leaves a file unchanged that is no key set, and does not show it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const path = join(cwd, "keys.json")
      writeFileSync(path, `{"secret": "d4"}`)
      const outcome = yield* cli(["keys", "rotate"], { cwd, env: { JWT_KEYS_FILE: path } })
      assert.deepStrictEqual(outcome, {
        stdout: "",
        ...failure(`The key file ${path} (JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR) is not a key set`)
      })
      assert.strictEqual(readFileSync(path, "utf8"), `{"secret": "d4"}`)
    })
  )

  it.live("requires the name of the file in production", () =>
    Effect.gen(function* () {
      const outcome = yield* cli(["keys", "rotate"], { cwd: yield* folder, env: { NODE_ENV: "production" } })
      assert.deepStrictEqual(outcome, {
        stdout: "",
        ...failure("The configuration is not valid: JWT_KEYS_FILE: required in production")
      })
    })
  )
})
