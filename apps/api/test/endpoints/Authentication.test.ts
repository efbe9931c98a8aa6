import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { generateKeyPairSync } from "node:crypto"
import { assertTokenExpired, assertTokenInvalid, assertUnauthenticated } from "../Answers.ts"
import * as Jwt from "../sessions/Jwt.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"

const profile = "/api/v1/users/profile/"

const profileBy = (authorization: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", profile, { headers: { authorization } }))

describe("access tokens", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("are accepted under their scheme in any case", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const scheme of ["Bearer ", "bearer ", "BEARER ", "Bearer   "]) {
          assert.strictEqual((yield* profileBy(`${scheme}${access}`)).status, 200, scheme)
        }
      })
    )

    it.effect("are missing if they come under another scheme or in another place", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        for (const authorization of ["", "Bearer", "Bearer ", access, `Token ${access}`, `Basic ${btoa("a:b")}`]) {
          assertUnauthenticated(yield* profileBy(authorization))
        }
        assertUnauthenticated(yield* api.send("GET", `${profile}?access_token=${access}&token=${access}`))
        assertUnauthenticated(yield* api.send("GET", profile, { headers: { cookie: `access=${access}` } }))
        assertUnauthenticated(yield* api.send("GET", profile, { headers: { "x-api-key": access } }))
      })
    )

    it.effect("contain the claims that others check", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id, refresh } = yield* api.person()
        const claims = Jwt.claimsOf(access)
        const { access: accessKeys, refresh: refreshKey } = Jwt.keysOf(api.settings)
        assert.deepStrictEqual(Jwt.headerOf(access), { alg: "EdDSA", typ: "JWT", kid: accessKeys[0].kid })
        assert.deepStrictEqual(Object.keys(claims).toSorted(), [
          "aud",
          "exp",
          "iat",
          "iss",
          "jti",
          "sid",
          "sub",
          "token_type",
          "user_id"
        ])
        assert.deepInclude(claims, {
          sub: id,
          user_id: id,
          token_type: "access",
          iss: "user-service",
          aud: "user-service",
          exp: claims.iat + 3600
        })
        assert.deepStrictEqual(Jwt.headerOf(refresh), { alg: "EdDSA", typ: "JWT", kid: refreshKey.kid })
        const of = Jwt.claimsOf(refresh)
        assert.deepInclude(of, { sub: id, sid: claims.sid, token_type: "refresh", exp: of.iat + 604_800 })
        assert.notStrictEqual(of.jti, claims.jti)
      })
    )

    it.effect("are refused if any part is not from this service", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        const claims = Jwt.claimsOf(access)
        const keys = Jwt.keysOf(api.settings)
        const [key] = keys.access
        const stranger = generateKeyPairSync("ed25519")
        const foreign = { kid: key.kid, jwk: stranger.privateKey.export({ format: "jwk" }) }
        const publicText = JSON.stringify({ kty: "OKP", crv: "Ed25519", x: key.jwk.x })
        // The same token made anew is good: so it is the difference that each of the others is refused for.
        assert.strictEqual((yield* profileBy(`Bearer ${Jwt.eddsa(key, claims)}`)).status, 200)
        const bad = {
          "a refresh token": refresh,
          "another issuer": Jwt.eddsa(key, { ...claims, iss: "elsewhere" }),
          "another audience": Jwt.eddsa(key, { ...claims, aud: "elsewhere" }),
          "another type": Jwt.eddsa(key, { ...claims, token_type: "refresh" }),
          "no type": Jwt.eddsa(key, { ...claims, token_type: undefined }),
          "another user in the same session": Jwt.eddsa(key, { ...claims, user_id: claims.sid }),
          "an unknown session": Jwt.eddsa(key, { ...claims, sid: claims.sub }),
          "no end": Jwt.eddsa(key, { ...claims, exp: undefined }),
          "another key": Jwt.eddsa(foreign, claims),
          "the key of refresh tokens": Jwt.eddsa(keys.refresh, claims),
          "an unknown key id": Jwt.eddsa({ ...key, kid: "x" }, claims),
          "no signature": Jwt.unsignedJwt(claims),
          "an algorithm that is none": Jwt.eddsa(key, claims, { alg: "none" }),
          "HMAC under the public key": Jwt.hs256(publicText, claims, { kid: key.kid }),
          "HMAC under the public key's bytes": Jwt.hs256(Buffer.from(key.jwk.x ?? "", "base64url"), claims, {
            kid: key.kid
          }),
          "a changed payload": access.replace(/\.[^.]+\./, `.${Buffer.from("{}").toString("base64url")}.`),
          "no token at all": "nonsense",
          "a long text": "x".repeat(8000)
        }
        for (const [name, token] of Object.entries(bad)) {
          const answer = yield* profileBy(`Bearer ${token}`)
          assert.strictEqual(answer.status, 401, name)
          assertTokenInvalid(answer)
        }
      })
    )

    it.effect("expire to the second", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        yield* api.pass("59 minutes")
        assert.strictEqual((yield* profileBy(`Bearer ${access}`)).status, 200)
        yield* api.pass("1 minute")
        assertTokenExpired(yield* profileBy(`Bearer ${access}`))
        const now = Math.floor(Date.now() / 1000) + 3600
        const [key] = Jwt.keysOf(api.settings).access
        assertTokenExpired(
          yield* profileBy(`Bearer ${Jwt.eddsa(key, { ...Jwt.claimsOf(access), iat: now - 100, exp: now - 1 })}`)
        )
      })
    )
  })
})
