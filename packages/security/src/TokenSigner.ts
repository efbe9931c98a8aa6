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

/** A public key as the JWKS shows it (RFC 8037, RFC 7517). */
export interface PublicJwk {
  readonly kty: "OKP"
  readonly crv: "Ed25519"
  readonly x: string
  readonly kid: string
  readonly alg: "EdDSA"
  readonly use: "sig"
}

/**
 * JSON Web Tokens. The algorithm is pinned for each type of token, never taken from the token: access tokens are EdDSA, or
 * HS256 where the fleet shares a secret; refresh tokens are always EdDSA, under a key that is published nowhere.
 *
 * Revocation is not judged here: a token can be good and its session over.
 */
export class TokenSigner extends Context.Service<
  TokenSigner,
  {
    /** The same claims under the same keys make the same token, byte for byte. */
    readonly sign: (claims: TokenClaims) => Effect.Effect<string>
    /** Good for an access token seen before without leaving the thread; see SeenTokens. */
    readonly verify: <T extends TokenType>(
      type: T,
      token: string
    ) => Effect.Effect<ClaimsOf<T>, TokenInvalid | TokenExpired>
    /** An access token that is ours whenever it was, for a logout that comes late. */
    readonly verifyIgnoringExpiry: (token: string) => Effect.Effect<AccessClaims, TokenInvalid>
    /** The `tokenId` of a session's refresh token: made again from the same two, and by no one else. */
    readonly refreshTokenId: (sessionId: SessionId, generation: number) => string
    /** SHA-256, the form in which a session keeps a token's id. */
    readonly hashTokenId: (tokenId: string) => Uint8Array
    /** The public keys others check access tokens with; none under HS256. May be kept for `jwksMaxAgeSeconds`. */
    readonly jwks: Effect.Effect<{ readonly keys: ReadonlyArray<PublicJwk> }>
  }
>()("@user-service/security/TokenSigner") {
  static readonly layer: Layer.Layer<TokenSigner, never, Keys | TokenSettings> = Layer.effect(
    TokenSigner,
    Effect.suspend(() => make)
  )
}

// Far above any token of ours (under 600 bytes): what is longer is not worth a hash.
const maxTokenLength = 4096

const utf8 = new TextEncoder()
const text = new TextDecoder()

const malformed = new TokenInvalid({ reason: "malformed" })
const badSignature = new TokenInvalid({ reason: "bad_signature" })
const wrongClaims = new TokenInvalid({ reason: "wrong_claims" })
const wrongType = ({ userId }: TokenClaims) => new TokenInvalid({ reason: "wrong_type", userId })

// The last character of a signature has bits that its bytes do not fill, and readers skip what is no base64url. What was
// refused under one spelling must not come back under another, so only the one that signing makes is taken.
const isSpelledRight = (token: string): boolean => {
  const signature = token.slice(token.lastIndexOf(".") + 1)
  return Buffer.from(signature, "base64url").toString("base64url") === signature
}

const epochSeconds = (clock: Clock.Clock): number => Math.floor(clock.currentTimeMillisUnsafe() / 1000)

const otherType = { access: "refresh", refresh: "access" } as const

/** Which algorithm and keys a type of token rests on. */
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
  const seen = SeenTokens.make()
  const suites: { readonly [T in TokenType]: Suite } = {
    access: settings.algorithm === "HS256" ? sharedSecret(settings.secretKey) : publishedKeys,
    refresh: refreshKey
  }

  // The key is chosen by the time of issue and not by the clock, so that the same claims make the same token.
  const sign = Effect.fnUntraced(function* (claims: TokenClaims) {
    const suite = suites[claims.tokenType]
    const { key, ...named } = suite.signing(keys.current(), claims.issuedAt)
    const payload = TokenPayload.format(claims, settings)
    const jws = new CompactSign(utf8.encode(payload)).setProtectedHeader({ alg: suite.alg, typ: "JWT", ...named })
    return yield* Effect.promise(() => jws.sign(key))
  })

  // The text of a token that one of our keys signed.
  const open = Effect.fnUntraced(function* (type: TokenType, token: string, now: number) {
    if (token.length > maxTokenLength || !isSpelledRight(token)) return yield* malformed
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
    const payload = yield* open(type, token, now)
    const claims = TokenPayload.parse[type](payload, settings, now)
    if (Option.isSome(claims)) return claims.value
    // Under a secret that others share there may be refresh tokens that it signed.
    const other = TokenPayload.parse[otherType[type]](payload, settings, now)
    return yield* Option.match(other, { onNone: () => wrongClaims, onSome: wrongType })
  })

  // Which of the two a token is, its signature tells: so the log can say that one was taken for the other.
  const readClaims = <T extends TokenType>(type: T, token: string, now: number) =>
    Effect.catchIf(
      read(type, token, now),
      (error) => error.reason === "bad_signature",
      (error) =>
        Effect.matchEffect(read(otherType[type], token, now), {
          onFailure: () => Effect.fail(error),
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
      const known = seen.get(ring, digest)
      if (known !== undefined) return unexpired(known, now)
      return Effect.tap(
        Effect.flatMap(readClaims("access", token, now), (claims) => unexpired(claims, now)),
        (claims) => Effect.sync(() => seen.add(ring, digest, claims))
      )
    },
    refresh: (token, now) => Effect.flatMap(readClaims("refresh", token, now), (claims) => unexpired(claims, now))
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
