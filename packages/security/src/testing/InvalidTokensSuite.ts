import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { Keys } from "../Keys.ts"
import { TokenSigner } from "../TokenSigner.ts"
import {
  start,
  access,
  payload,
  part,
  decode,
  hs256,
  base64urlDigits,
  forge,
  eddsa,
  at,
  isInvalid
} from "./Forgeries.ts"

/** The contract of a `TokenSigner`: invalid tokens. */
export const suite = (it: Vitest.MethodsNonLive<Keys | TokenSigner>, algorithm: "EdDSA" | "HS256") => {
  it.effect("a token with the `kid` of another key is invalid", () =>
    at(
      start,
      Effect.gen(function* () {
        const { set } = (yield* Keys).current()
        const again = { ...payload, token_type: "refresh", gen: 3 }
        yield* (yield* TokenSigner).verify("refresh", eddsa(set.refresh, again))
        for (const kid of ["other", "", undefined, 7, set.access[0].kid]) {
          yield* isInvalid(eddsa(set.refresh, again, { kid }), "refresh")
        }
        for (const kid of ["other", "", undefined, 7, set.refresh.kid]) {
          yield* isInvalid(eddsa(set.access[0], payload, { kid }))
        }
      })
    )
  )

  it.effect("an unsigned token is invalid", () =>
    at(
      start,
      Effect.gen(function* () {
        const unsigned = `${part({ alg: "none", typ: "JWT" })}.${part(payload)}`
        yield* isInvalid(`${unsigned}.`)
        yield* isInvalid(unsigned)
      })
    )
  )

  it.effect("a token signed as HS256 with a public key is invalid", () =>
    at(
      start,
      Effect.gen(function* () {
        const key = (yield* Keys).current().set.access[0]
        for (const known of [key.jwk.x, Buffer.from(key.jwk.x, "base64url"), JSON.stringify(key.jwk.x), ""]) {
          yield* isInvalid(hs256({ alg: "HS256", typ: "JWT", kid: key.kid }, payload, known))
        }
      })
    )
  )

  it.effect("a token of the other algorithm is invalid", () =>
    at(
      start,
      Effect.gen(function* () {
        yield* isInvalid(yield* forge(algorithm === "EdDSA" ? "HS256" : "EdDSA", payload))
      })
    )
  )

  it.effect("a changed payload, signature or header is invalid", () =>
    at(
      start,
      Effect.gen(function* () {
        const token = yield* (yield* TokenSigner).sign(access)
        const [header = "", , signature = ""] = token.split(".")
        yield* isInvalid(`${header}.${part({ ...payload, exp: start + 99_999 })}.${signature}`)
        yield* isInvalid(`${token.slice(0, -6)}AAAAAA`)
        yield* isInvalid(`${token}.${signature}`)
        yield* isInvalid(`${part({ ...decode(token, 0), x: 1 })}.${part(payload)}.${signature}`)
      })
    )
  )

  it.effect("only the canonical spelling of a signature is valid", () =>
    at(
      start,
      Effect.gen(function* () {
        const { sign, verify } = yield* TokenSigner
        const token = yield* sign(access)
        const bytes = (text: string) => Buffer.from(text.slice(text.lastIndexOf(".") + 1), "base64url")
        const others = Array.from(`${base64urlDigits}+/`, (digit) => token.slice(0, -1) + digit).filter(
          (other) => other !== token && bytes(other).equals(bytes(token))
        )
        assert.isAtLeast(others.length, 3)
        for (const other of [...others, `${token}=`, `${token}==`, `${token}\n`]) yield* isInvalid(other)
        assert.deepStrictEqual(yield* verify("access", token), access)
      })
    )
  )

  it.effect.each(["", ".", "..", "a.b.c", "null", "\u0000", "é.é.é", "e30.e30.e30", "x".repeat(5000)])(
    "%j is invalid",
    (token) => at(start, Effect.andThen(isInvalid(token, "access"), isInvalid(token, "refresh")))
  )

  it.effect("a token of more than 4 KiB is invalid, even with a valid signature", () =>
    at(
      start,
      Effect.gen(function* () {
        yield* isInvalid(yield* forge(algorithm, { ...payload, more: "x".repeat(3000) }))
        yield* (yield* TokenSigner).verify("access", yield* forge(algorithm, { ...payload, more: "x".repeat(2000) }))
      })
    )
  )
}
