import { assert, describe, it } from "@effect/vitest"
import { SessionId } from "@user-service/domain/Session"
import { TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { Effect, Layer, Redacted } from "effect"
import { createHmac } from "node:crypto"
import { Keys } from "../Keys.ts"
import { TokenSettings } from "../TokenSettings.ts"
import { TokenSigner } from "../TokenSigner.ts"
import { start, access, consoleToken, refresh, payload, secret, decode, forge, at, isInvalid } from "./Forgeries.ts"
import { suite as invalidTokens } from "./InvalidTokensSuite.ts"

/** The contract of a `TokenSigner`, over any layer of `Keys`, with either algorithm. */
export const suite = <E>(name: string, algorithm: "EdDSA" | "HS256", keys: Layer.Layer<Keys, E>) => {
  const settings: TokenSettings["Service"] = {
    issuer: "user-service",
    audience: "user-service",
    ...(algorithm === "HS256" ? { algorithm, secretKey: Redacted.make(secret) } : { algorithm })
  }
  const signer = TokenSigner.layer.pipe(Layer.provide(Layer.succeed(TokenSettings, settings)))
  return describe(name, () => {
    it.layer(signer.pipe(Layer.provideMerge(keys)))((it) => {
      it.effect.each([access, refresh, consoleToken])("a token says what was signed", (claims) =>
        at(
          start,
          Effect.gen(function* () {
            const signer = yield* TokenSigner
            assert.deepStrictEqual<unknown>(yield* signer.verify(claims.tokenType, yield* signer.sign(claims)), claims)
          })
        )
      )

      it.effect("a token has exactly these claims", () =>
        Effect.gen(function* () {
          const signer = yield* TokenSigner
          assert.deepStrictEqual<unknown>(decode(yield* signer.sign(access), 1), payload)
          assert.deepStrictEqual<unknown>(decode(yield* signer.sign(refresh), 1), {
            ...payload,
            token_type: "refresh",
            exp: refresh.expiresAt,
            gen: 3
          })
        })
      )

      it.effect("the header has the fixed algorithm, and the key id unless it is a shared secret", () =>
        Effect.gen(function* () {
          const signer = yield* TokenSigner
          const { set } = (yield* Keys).current()
          const named = { alg: "EdDSA", typ: "JWT", kid: set.access[0].kid }
          const header = decode(yield* signer.sign(access), 0)
          assert.deepStrictEqual<unknown>(header, algorithm === "HS256" ? { alg: "HS256", typ: "JWT" } : named)
          assert.deepStrictEqual<unknown>(decode(yield* signer.sign(refresh), 0), { ...named, kid: set.refresh.kid })
        })
      )

      it.effect("equal claims give the same token", () =>
        Effect.gen(function* () {
          const signer = yield* TokenSigner
          assert.strictEqual(yield* signer.sign(refresh), yield* signer.sign(refresh))
          assert.strictEqual(yield* signer.sign(access), yield* signer.sign(access))
        })
      )

      it.effect("a token is valid until it expires, also when it was verified before", () =>
        Effect.gen(function* () {
          const signer = yield* TokenSigner
          for (const claims of [access, refresh]) {
            const token = yield* signer.sign(claims)
            yield* at(claims.expiresAt - 1, signer.verify(claims.tokenType, token))
            const again = yield* at(claims.expiresAt, Effect.flip(signer.verify(claims.tokenType, token)))
            assert.instanceOf(again, TokenExpired)
          }
          const unseen = yield* signer.sign({ ...access, tokenId: "an-id-of-its-own-1" })
          assert.instanceOf(yield* at(start + 9_999, Effect.flip(signer.verify("access", unseen))), TokenExpired)
        })
      )

      it.effect("verifyIgnoringExpiry accepts expired access tokens and no other invalid token", () =>
        at(
          start + 9_999,
          Effect.gen(function* () {
            const signer = yield* TokenSigner
            assert.deepStrictEqual(yield* signer.verifyIgnoringExpiry(yield* signer.sign(access)), access)
            const late = signer.verifyIgnoringExpiry
            assert.instanceOf(yield* Effect.flip(late(yield* signer.sign(refresh))), TokenInvalid)
            assert.instanceOf(
              yield* Effect.flip(late(yield* forge(algorithm, { ...payload, iss: "other" }))),
              TokenInvalid
            )
          })
        )
      )

      it.effect("a token of another type is refused", () =>
        at(
          start,
          Effect.gen(function* () {
            const signer = yield* TokenSigner
            yield* isInvalid(yield* signer.sign(refresh), "access")
            yield* isInvalid(yield* signer.sign(access), "refresh")
            yield* isInvalid(yield* signer.sign(consoleToken), "access")
            yield* isInvalid(yield* signer.sign(consoleToken), "refresh")
            yield* isInvalid(yield* signer.sign(access), "console")
            yield* isInvalid(yield* signer.sign(refresh), "console")
            yield* isInvalid(yield* forge(algorithm, { ...payload, token_type: "refresh", gen: 3 }), "refresh")
          })
        )
      )

      it.effect("a token made by hand with our key and the right claims is accepted", () =>
        at(
          start,
          Effect.gen(function* () {
            const claims = yield* (yield* TokenSigner).verify("access", yield* forge(algorithm, payload))
            assert.deepStrictEqual(claims, access)
          })
        )
      )

      it.effect("ids in upper case are decoded to lower case", () =>
        at(
          start,
          Effect.gen(function* () {
            const { verify, verifyIgnoringExpiry } = yield* TokenSigner
            const sub = payload.sub.toUpperCase()
            for (const spelled of [{ sub, user_id: sub, sid: payload.sid.toUpperCase() }, { sub }, { user_id: sub }]) {
              const token = yield* forge(algorithm, { ...payload, ...spelled })
              assert.deepStrictEqual(yield* verify("access", token), access)
              assert.deepStrictEqual(yield* verifyIgnoringExpiry(token), access)
            }
          })
        )
      )

      it.effect.each<[string, object]>([
        ["another issuer", { iss: "other" }],
        ["another audience", { aud: "other" }],
        ["a list of audiences", { aud: ["user-service"] }],
        ["no subject", { sub: undefined }],
        ["a subject that is no UUID", { sub: "7", user_id: "7" }],
        ["two subjects", { user_id: "01890a5d-ac96-774b-bcce-b302099a8000" }],
        ["a session that is no UUID", { sid: "../../etc" }],
        ["no id", { jti: undefined }],
        ["an id that is no text", { jti: 7 }],
        ["no expiry", { exp: undefined }],
        ["an expiry that is text", { exp: String(start + 3600) }],
        ["a fraction of a second", { iat: start + 0.5 }],
        ["an expiry before its issue", { iat: start, exp: start - 1 }],
        ["an issue in the future", { iat: start + 61 }],
        ["a beginning in the future", { nbf: start + 61 }],
        ["a beginning that is text", { nbf: String(start) }],
        ["no type", { token_type: undefined }],
        ["an unknown type", { token_type: "id" }]
      ])("a token with %s is invalid, though our key signed it", ([, change]) =>
        at(
          start,
          Effect.gen(function* () {
            yield* isInvalid(yield* forge(algorithm, { ...payload, ...change }))
          })
        )
      )

      it.effect.each<object>([{}, { nbf: start }])("a replica's clock may be a minute ahead", (more) =>
        at(
          start - 60,
          Effect.gen(function* () {
            assert.deepStrictEqual(
              yield* (yield* TokenSigner).verify("access", yield* forge(algorithm, { ...payload, ...more })),
              access
            )
          })
        )
      )

      it.effect.each<[string, object]>([
        ["another typ", { typ: "at+jwt" }],
        ["no typ", { typ: undefined }],
        ["alg none", { alg: "none" }],
        ["another alg", { alg: "HS512" }],
        ["the newer name of the alg", { alg: "Ed25519" }],
        ["an extension it calls critical", { crit: ["exp"], exp: 1 }]
      ])("a token with %s in its header is invalid, though our key signed it", ([, header]) =>
        at(
          start,
          Effect.gen(function* () {
            yield* isInvalid(yield* forge(algorithm, payload, header))
          })
        )
      )

      invalidTokens(it, algorithm)

      it.effect("a refresh token's id is derived from session and generation", () =>
        Effect.gen(function* () {
          const { refreshTokenId } = yield* TokenSigner
          const id = refreshTokenId(access.sessionId, 3)
          const { set } = (yield* Keys).current()
          const expected = createHmac("sha256", Buffer.from(set.refresh.idSecret, "base64url"))
            .update(`${access.sessionId}:3`)
            .digest("base64url")
          assert.strictEqual(id, expected)
          assert.notStrictEqual(id, refreshTokenId(access.sessionId, 4))
          assert.notStrictEqual(id, refreshTokenId(SessionId.make(access.userId), 3))
        })
      )

      it.effect("a token's id is hashed by SHA-256", () =>
        Effect.gen(function* () {
          const digest = (yield* TokenSigner).hashTokenId("abc")
          const published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
          assert.strictEqual(Buffer.from(digest).toString("hex"), published)
        })
      )

      it.effect("the JWKS has the public access keys, or none with a shared secret", () =>
        Effect.gen(function* () {
          const { keys } = yield* (yield* TokenSigner).jwks
          const { jwk, kid } = (yield* Keys).current().set.access[0]
          const shown = { kty: "OKP", crv: "Ed25519", x: jwk.x, kid, alg: "EdDSA", use: "sig" }
          assert.deepStrictEqual<unknown>(keys, algorithm === "HS256" ? [] : [shown])
        })
      )
    })
  })
}
