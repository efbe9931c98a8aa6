import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Keys from "@user-service/security/Keys"
import { Effect, Schedule } from "effect"
import { createHmac, createPublicKey, verify } from "node:crypto"
import { assertTokenInvalid } from "../Answers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import * as Jwt from "./Jwt.ts"

const path = "/.well-known/jwks.json"
const secret = "Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

const parts = (token: string) => {
  const [header = "", payload = "", signature = ""] = token.split(".")
  return { data: Buffer.from(`${header}.${payload}`), signature: Buffer.from(signature, "base64url") }
}

const profileOf = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", "/api/v1/users/profile/", { token }))

describe("the JWKS", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("has the public key of the access tokens, cacheable for five minutes", () =>
      Effect.gen(function* () {
        const { send, settings } = yield* TestApi
        const answer = yield* send("GET", path)
        const [{ jwk, kid }] = Jwt.keysOf(settings).access
        assert.strictEqual(answer.status, 200)
        assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
        assert.strictEqual(answer.headers.get("cache-control"), "public, max-age=300")
        assert.deepStrictEqual(answer.body, {
          keys: [{ kty: "OKP", crv: "Ed25519", x: jwk.x, kid, alg: "EdDSA", use: "sig" }]
        })
        assert.notInclude(answer.text, String(jwk.d))
      })
    )

    it.effect("is sufficient to verify an access token, and verifies no refresh token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        const { body } = yield* api.send("GET", path)
        const key = body.keys.find((key: { kid: string }) => key.kid === Jwt.headerOf(access).kid)
        const publicKey = createPublicKey({ key, format: "jwk" })
        const of = (token: string) => verify(null, parts(token).data, publicKey, parts(token).signature)
        assert.isTrue(of(access))
        assert.isFalse(of(refresh))
        assert.notStrictEqual(Jwt.headerOf(refresh).kid, key.kid)
      })
    )
  })
})

describe("a rotated key", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect(
      "is published at once, and signs when every cached JWKS has it; the old one is removed after its last token",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const person = yield* api.person()
          const kids = Effect.map(api.send("GET", path), ({ body }) => body.keys.map((key: { kid: string }) => key.kid))
          const [old] = yield* kids
          const { kid: next } = yield* Keys.rotateFile(api.settings.keys.path, 3600).pipe(
            Effect.provide(NodeServices.layer)
          )
          // The file is looked at every second.
          yield* api.pass("2 seconds")
          yield* kids.pipe(
            Effect.repeat({ until: (found) => found.length === 2, schedule: Schedule.spaced("10 millis") })
          )
          assert.deepStrictEqual(yield* kids, [old, next])
          const before = yield* api.login(person)
          assert.strictEqual(Jwt.headerOf(before.access).kid, old)
          yield* api.pass("5 minutes")
          const after = yield* api.login(person)
          assert.strictEqual(Jwt.headerOf(after.access).kid, next)
          for (const { access } of [person, before, after]) assert.strictEqual((yield* profileOf(access)).status, 200)
          yield* api.pass("61 minutes")
          assert.deepStrictEqual(yield* kids, [next])
          // Refresh tokens have a key of their own, which stays.
          const refreshed = yield* api.send("POST", "/api/v1/users/token/refresh/", {
            body: { refresh: person.refresh }
          })
          assert.strictEqual((yield* profileOf(refreshed.body.access)).status, 200)
        })
    )
  })
})

describe("JWT_ALGORITHM=HS256", () => {
  it.layer(layerEmbedded({ JWT_ALGORITHM: "HS256", SECRET_KEY: secret }), { excludeTestServices: true })((it) => {
    it.effect(
      "signs access tokens with the shared secret, publishes no key, and uses another key for refresh tokens",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const { access, refresh } = yield* api.person()
          assert.deepStrictEqual((yield* api.send("GET", path)).body, { keys: [] })
          assert.deepStrictEqual(Jwt.headerOf(access), { alg: "HS256", typ: "JWT" })
          const of = (token: string) => createHmac("sha256", secret).update(parts(token).data).digest("base64url")
          assert.strictEqual(of(access), access.split(".")[2])
          assert.strictEqual(Jwt.headerOf(refresh).alg, "EdDSA")
          assert.strictEqual((yield* profileOf(access)).status, 200)
        })
    )

    it.effect("still refreshes and logs out", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { refresh } = yield* api.person()
        const { body } = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh } })
        assert.strictEqual((yield* profileOf(body.access)).status, 200)
        yield* api.send("POST", "/api/v1/users/logout/", { token: body.access })
        assertTokenInvalid(yield* profileOf(body.access))
      })
    )

    it.effect("lets an owner of the secret sign access tokens of live sessions, but no refresh token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        assert.strictEqual((yield* profileOf(Jwt.hs256(secret, Jwt.claimsOf(access)))).status, 200)
        const forged = Jwt.hs256(secret, Jwt.claimsOf(refresh))
        assertTokenInvalid(yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: forged } }))
      })
    )

    it.effect("refuses a token that is signed with the key of the key file", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const [key] = Jwt.keysOf(api.settings).access
        assertTokenInvalid(yield* profileOf(Jwt.eddsa(key, Jwt.claimsOf(access))))
        assertTokenInvalid(yield* profileOf(Jwt.hs256(`${secret}x`, Jwt.claimsOf(access))))
        assertTokenInvalid(yield* profileOf(Jwt.hs256(secret, Jwt.claimsOf(access), { alg: "HS512" })))
      })
    )
  })
})
