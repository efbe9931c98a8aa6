import { assert } from "@effect/vitest"
import { SessionId } from "@user-service/domain/Session"
import {
  type AccessClaims,
  type ConsoleClaims,
  type RefreshClaims,
  TokenInvalid,
  type TokenType
} from "@user-service/domain/Token"
import { UserId } from "@user-service/domain/User"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { createHmac, createPrivateKey, sign as signBytes } from "node:crypto"
import { Keys } from "../Keys.ts"
import type * as KeySet from "../KeySet.ts"
import { TokenSigner } from "../TokenSigner.ts"

export const start = 1_700_000_000

export const access: AccessClaims = {
  userId: UserId.make("01890a5d-ac96-774b-bcce-b302099a8057"),
  sessionId: SessionId.make("01890a5d-ac96-774b-bcce-b302099a8058"),
  tokenId: "01890a5d-ac96-774b-bcce-b302099a8059",
  tokenType: "access",
  issuedAt: start,
  expiresAt: start + 3600
}
export const refresh: RefreshClaims = { ...access, tokenType: "refresh", generation: 3, expiresAt: start + 604_800 }
export const consoleToken: ConsoleClaims = { ...access, tokenType: "console" }

export const payload = {
  sub: access.userId,
  user_id: access.userId,
  token_type: "access",
  sid: access.sessionId,
  jti: access.tokenId,
  iss: "user-service",
  aud: "user-service",
  iat: start,
  exp: start + 3600
}

export const secret = "0123456789abcdef-a-secret-for-tests"
export const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
export const decode = (token: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString())
export const hs256 = (header: object, body: object, key: string | Uint8Array) => {
  const input = `${part(header)}.${part(body)}`
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`
}

export const base64urlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** Signs arbitrary headers and payloads with the current keys, so that tests can check each fault separately. */
export const forge = Effect.fnUntraced(function* (algorithm: "EdDSA" | "HS256", body: object, header: object = {}) {
  if (algorithm === "HS256") return hs256({ alg: "HS256", typ: "JWT", ...header }, body, secret)
  return eddsa((yield* Keys).current().set.access[0], body, header)
})

export const eddsa = (key: Pick<KeySet.AccessKey, "jwk" | "kid">, body: object, header: object = {}) => {
  const input = `${part({ alg: "EdDSA", typ: "JWT", kid: key.kid, ...header })}.${part(body)}`
  return `${input}.${signBytes(null, Buffer.from(input), createPrivateKey({ key: key.jwk, format: "jwk" })).toString("base64url")}`
}

export const at = <A, E, R>(seconds: number, effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(seconds * 1000), effect)
export const isInvalid = Effect.fnUntraced(function* (token: string, type: TokenType = "access") {
  const error = yield* Effect.flip((yield* TokenSigner).verify(type, token))
  assert.instanceOf(error, TokenInvalid)
})
