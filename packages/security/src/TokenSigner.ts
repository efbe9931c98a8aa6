import type { SessionId } from "@user-service/domain/Session"
import {
  type AccessClaims,
  type ClaimsOf,
  type TokenClaims,
  TokenExpired,
  TokenInvalid,
  type TokenType
} from "@user-service/domain/Token"
import { Clock, Context, Effect, Layer, Option, Redacted } from "effect"
import { CompactSign, compactVerify, decodeProtectedHeader, errors } from "jose"
import { createHmac, createSecretKey, hash, type webcrypto } from "node:crypto"
import { type KeyRing, Keys } from "./Keys.ts"
import * as KeySet from "./KeySet.ts"
import * as SeenTokens from "./SeenTokens.ts"
import * as TokenPayload from "./TokenPayload.ts"
import { TokenSettings } from "./TokenSettings.ts"

/** A public key in the JWKS (RFC 8037, RFC 7517). */
export interface PublicJwk {
  readonly kty: "OKP"
  readonly crv: "Ed25519"
  readonly x: string
  readonly kid: string
  readonly alg: "EdDSA"
  readonly use: "sig"
}

/**
 * Signs and verifies JSON Web Tokens. The algorithm is fixed for each token type and never taken from the token: EdDSA (or HS256 with a
 * shared secret) for access tokens, EdDSA with an unpublished key for the tokens that only this service reads.
 *
 * Does not check revocation: the session of a valid token may have ended.
 */
export class TokenSigner extends Context.Service<
  TokenSigner,
  {
    /** Deterministic: equal claims and keys give the same token, byte for byte. */
    readonly sign: (claims: TokenClaims) => Effect.Effect<string>
    /** Verifies a token and returns its claims. An access token that was verified before needs no second verification, see SeenTokens. */
    readonly verify: <T extends TokenType>(
      type: T,
      token: string
    ) => Effect.Effect<ClaimsOf<T>, TokenInvalid | TokenExpired>
    /** Verifies an access token without its expiry, for a late logout. */
    readonly verifyIgnoringExpiry: (token: string) => Effect.Effect<AccessClaims, TokenInvalid>
    /** The `tokenId` of a session's refresh token, derived from session and generation with a secret. */
    readonly refreshTokenId: (sessionId: SessionId, generation: number) => string
    /** The SHA-256 of a token's id, which a session stores. */
    readonly hashTokenId: (tokenId: string) => Uint8Array
    /** The public keys for verifying access tokens. Empty with HS256. May be cached for `jwksMaxAgeSeconds`. */
    readonly jwks: Effect.Effect<{ readonly keys: ReadonlyArray<PublicJwk> }>
  }
>()("@user-service/security/TokenSigner") {
  static readonly layer: Layer.Layer<TokenSigner, never, Keys | TokenSettings> = Layer.effect(
    TokenSigner,
    Effect.suspend(() => make)
  )
}

// Tokens of this service have less than 600 bytes. Longer ones are refused without hashing them.
const maxTokenLength = 4096

const utf8 = new TextEncoder()
const text = new TextDecoder()

const malformed = new TokenInvalid({ reason: "malformed" })
const badSignature = new TokenInvalid({ reason: "bad_signature" })
const wrongClaims = new TokenInvalid({ reason: "wrong_claims" })
const wrongType = ({ userId }: TokenClaims) => new TokenInvalid({ reason: "wrong_type", userId })

// Base64url decoders ignore unused bits and invalid characters, so a signature has several spellings. Only the canonical one is
// accepted, so that a token has a single text.
const hasCanonicalSignature = (token: string): boolean => {
  const signature = token.slice(token.lastIndexOf(".") + 1)
  return Buffer.from(signature, "base64url").toString("base64url") === signature
}

const epochSeconds = (clock: Clock.Clock): number => Math.floor(clock.currentTimeMillisUnsafe() / 1000)

const otherTypes: { readonly [T in TokenType]: ReadonlyArray<TokenType> } = {
  access: ["refresh", "console"],
  refresh: ["access", "console"],
  console: ["access", "refresh"]
}

// A type whose tokens have another key.
const typeOfOtherKey = { access: "refresh", refresh: "access", console: "access" } as const

/** The algorithm and the keys of a token type. */
interface Suite {
  readonly alg: "EdDSA" | "HS256"
  readonly signing: (ring: KeyRing, at: number) => { readonly kid?: string; readonly key: webcrypto.CryptoKey }
  readonly verifying: (ring: KeyRing, kid: string | undefined, at: number) => webcrypto.CryptoKey | undefined
}

const publishedKeys: Suite = {
  alg: "EdDSA",
  signing: (ring, at) => {
    const { kid, privateKey } = KeySet.signingKey(ring.access, at)
    return { kid, key: privateKey }
  },
  verifying: (ring, kid, at) => KeySet.publishedKeys(ring.access, at).find((key) => key.kid === kid)?.publicKey
}

// Of refresh tokens and of the console's cookie.
const refreshKey: Suite = {
  alg: "EdDSA",
  signing: ({ refresh }) => ({ kid: refresh.kid, key: refresh.privateKey }),
  verifying: ({ refresh }, kid) => (kid === refresh.kid ? refresh.publicKey : undefined)
}

const sharedSecret = (secret: Redacted.Redacted<string>): Suite => {
  const hmac = { name: "HMAC", hash: "SHA-256" }
  const key = createSecretKey(Redacted.value(secret), "utf8").toCryptoKey(hmac, false, ["sign", "verify"])
  return { alg: "HS256", signing: () => ({ key }), verifying: () => key }
}

const make = Effect.gen(function* () {
  const keys = yield* Keys
  const settings = yield* TokenSettings
  const seenTokens = SeenTokens.make()
  const suites: { readonly [T in TokenType]: Suite } = {
    access: settings.algorithm === "HS256" ? sharedSecret(settings.secretKey) : publishedKeys,
    refresh: refreshKey,
    console: refreshKey
  }

  // The key depends on the time of issue instead of the clock, so that signing is deterministic.
  const sign = Effect.fnUntraced(function* (claims: TokenClaims) {
    const suite = suites[claims.tokenType]
    const { key, ...named } = suite.signing(keys.current(), claims.issuedAt)
    const payload = TokenPayload.format(claims, settings)
    const jws = new CompactSign(utf8.encode(payload)).setProtectedHeader({ alg: suite.alg, typ: "JWT", ...named })
    return yield* Effect.promise(() => jws.sign(key))
  })

  // Verifies the signature and returns the payload.
  const verifySignature = Effect.fnUntraced(function* (type: TokenType, token: string, now: number) {
    if (token.length > maxTokenLength || !hasCanonicalSignature(token)) return yield* malformed
    const { alg, verifying } = suites[type]
    const { kid, typ } = yield* Effect.try({ try: () => decodeProtectedHeader(token), catch: () => malformed })
    if (typ !== "JWT") return yield* malformed
    const key = verifying(keys.current(), kid, now)
    if (key === undefined) return yield* badSignature
    const { payload } = yield* Effect.tryPromise(() => compactVerify(token, key, { algorithms: [alg] })).pipe(
      Effect.catch(({ cause }) => (cause instanceof errors.JOSEError ? badSignature : Effect.die(cause)))
    )
    return text.decode(payload)
  })

  const read = Effect.fnUntraced(function* <T extends TokenType>(type: T, token: string, now: number) {
    const payload = yield* verifySignature(type, token, now)
    const claims = TokenPayload.parse[type](payload, settings, now)
    if (Option.isSome(claims)) return claims.value
    // Other holders of a shared secret may sign refresh tokens with it.
    const other = Option.firstSomeOf(
      otherTypes[type].map((each): Option.Option<TokenClaims> => TokenPayload.parse[each](payload, settings, now))
    )
    return yield* Option.match(other, { onNone: () => wrongClaims, onSome: wrongType })
  })

  // Tries the keys of the other types too, so that the log can report a token of the wrong type.
  const readClaims = <T extends TokenType>(type: T, token: string, now: number) =>
    Effect.catchIf(
      read(type, token, now),
      (error) => error.reason === "bad_signature",
      (error) =>
        Effect.matchEffect(read(typeOfOtherKey[type], token, now), {
          onFailure: (other) => Effect.fail(other.reason === "wrong_type" ? other : error),
          onSuccess: (claims) => Effect.fail(wrongType(claims))
        })
    )

  const unexpired = <C extends TokenClaims>(claims: C, now: number) =>
    claims.expiresAt > now ? Effect.succeed(claims) : Effect.fail(new TokenExpired({ userId: claims.userId }))

  const verifiers: {
    readonly [T in TokenType]: (token: string, now: number) => Effect.Effect<ClaimsOf<T>, TokenInvalid | TokenExpired>
  } = {
    access: (token, now) => {
      const ring = keys.current()
      const digest = token.length > maxTokenLength ? "" : hash("sha256", token, "base64url")
      const known = seenTokens.get(ring, digest)
      if (known !== undefined) return unexpired(known, now)
      return Effect.tap(
        Effect.flatMap(readClaims("access", token, now), (claims) => unexpired(claims, now)),
        (claims) => Effect.sync(() => seenTokens.add(ring, digest, claims))
      )
    },
    refresh: (token, now) => Effect.flatMap(readClaims("refresh", token, now), (claims) => unexpired(claims, now)),
    console: (token, now) => Effect.flatMap(readClaims("console", token, now), (claims) => unexpired(claims, now))
  }

  return TokenSigner.of({
    sign,
    verify: (type, token) => Clock.clockWith((clock) => verifiers[type](token, epochSeconds(clock))),
    verifyIgnoringExpiry: (token) => Clock.clockWith((clock) => readClaims("access", token, epochSeconds(clock))),
    refreshTokenId: (sessionId, generation) =>
      createHmac("sha256", keys.current().idSecret).update(`${sessionId}:${generation}`).digest("base64url"),
    hashTokenId: (tokenId) => new Uint8Array(hash("sha256", tokenId, "buffer")),
    jwks: Clock.clockWith((clock) =>
      Effect.sync(() => ({
        keys:
          settings.algorithm === "HS256"
            ? []
            : KeySet.publishedKeys(keys.current().set.access, epochSeconds(clock)).map(publicJwk)
      }))
    )
  })
})

const publicJwk = ({ jwk, kid }: KeySet.AccessKey): PublicJwk => ({
  kty: jwk.kty,
  crv: jwk.crv,
  x: jwk.x,
  kid,
  alg: "EdDSA",
  use: "sig"
})
