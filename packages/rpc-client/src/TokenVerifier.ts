import { SessionId } from "@user-service/domain/Session"
import { type AccessClaims, TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import { UserId } from "@user-service/domain/User"
import { anyCase } from "@user-service/domain/Uuid"
import { ActiveToken } from "@user-service/schema/Introspection"
import { Cache, Clock, Context, Duration, Effect, Exit, Layer, Option, Redacted, Result, Schema, Struct } from "effect"
import { Signature } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import { Jwks, layerSignature } from "./Jwks.ts"
import type { CallFailure } from "./Unreachable.ts"
import { UserServiceClient } from "./UserServiceClient.ts"

/** The issuer whose tokens are accepted by the public keys. */
export interface TrustedIssuer {
  /** The URL of the service, before `/.well-known/jwks.json`. */
  readonly url: string
  /** `JWT_ISSUER` of the service. Default: `user-service`. */
  readonly issuer?: string
  /** `JWT_AUDIENCE` of the service. Default: `user-service`. */
  readonly audience?: string
}

/** Verifies access tokens and reads their claims. */
export class TokenVerifier extends Context.Service<
  TokenVerifier,
  {
    readonly verify: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<AccessClaims, TokenInvalid | TokenExpired | CallFailure>
  }
>()("@user-service/rpc-client/TokenVerifier") {
  /**
   * Asks the service, and caches its answer for a second, so that a revoked token is refused after a second at most. An
   * expired token is `TokenInvalid` too, since the service does not say why a token is inactive.
   */
  static readonly layerIntrospection: Layer.Layer<TokenVerifier, never, UserServiceClient> = Layer.effect(
    TokenVerifier,
    Effect.suspend(() => makeIntrospecting)
  )

  /**
   * Verifies the signature and the claims by the public keys of the service, without a call to it. **A token that was revoked
   * by a logout, a password change or an erasure stays valid until it expires**, an hour at most. For uses that can be that
   * late, or that have another check as well.
   */
  static readonly layerJwksUntilExpiry = (issuer: TrustedIssuer): Layer.Layer<TokenVerifier> =>
    Layer.effect(TokenVerifier, makeLocal(issuer)).pipe(Layer.provide([Jwks.layer(issuer), layerSignature]))
}

const answerLifetime = Duration.seconds(1)

const cacheCapacity = 10_000

const claimsOf = (token: Struct.Simplify<Omit<typeof ActiveToken.Type, "active">>): AccessClaims => ({
  userId: token.sub,
  sessionId: token.sid,
  tokenId: token.jti,
  issuedAt: token.iat,
  expiresAt: token.exp,
  tokenType: token.token_type
})

const refuseExpired = Effect.fnUntraced(function* (claims: AccessClaims) {
  const now = yield* Clock.currentTimeMillis
  return claims.expiresAt * 1000 > now ? claims : yield* new TokenExpired()
})

const makeIntrospecting = Effect.gen(function* () {
  const client = yield* UserServiceClient
  const answers = yield* Cache.makeWith((token: Redacted.Redacted<string>) => client.introspectToken(token), {
    capacity: cacheCapacity,
    // Failures are not cached.
    timeToLive: Exit.match({ onFailure: () => Duration.zero, onSuccess: () => answerLifetime })
  })
  return TokenVerifier.of({
    verify: Effect.fn("TokenVerifier.verify")(function* (token) {
      const answer = yield* Cache.get(answers, token)
      return answer.active ? yield* refuseExpired(claimsOf(answer)) : yield* new TokenInvalid()
    })
  })
})

// Far longer than the tokens of the service.
const maxTokenLength = 4096

// How far the clock of the service may be ahead of the local one.
const clockSkewSeconds = 60

const Header = Schema.fromJsonString(
  Schema.Struct({ alg: Schema.Literal("EdDSA"), typ: Schema.Literal("JWT"), kid: Schema.String })
)

const Payload = Schema.fromJsonString(
  Schema.Struct({
    ...Struct.omit(ActiveToken.fields, ["active"]),
    sub: anyCase(UserId),
    user_id: anyCase(UserId),
    sid: anyCase(SessionId),
    nbf: Schema.optionalKey(Schema.Finite)
  })
)

const utf8 = new TextEncoder()

// Accepts only the canonical encoding of the bytes: another one would be a second token with the same claims.
const decodePart = (part: string): Option.Option<Uint8Array> =>
  Option.filter(Result.getSuccess(Base64Url.decode(part)), (bytes) => Base64Url.encode(bytes) === part)

const decodeText = (part: string): Option.Option<string> =>
  Option.map(decodePart(part), (bytes) => new TextDecoder().decode(bytes))

interface ParsedToken {
  readonly kid: string
  readonly payload: typeof Payload.Type
  readonly signature: Uint8Array
  readonly signed: Uint8Array
}

const parse = (token: string): Option.Option<ParsedToken> =>
  Option.gen(function* () {
    const [header = "", body = "", signature = "", ...more] = token.length > maxTokenLength ? [] : token.split(".")
    if (more.length > 0) return yield* Option.none()
    const { kid } = yield* Option.flatMap(decodeText(header), Schema.decodeUnknownOption(Header))
    const payload = yield* Option.flatMap(decodeText(body), Schema.decodeUnknownOption(Payload))
    return { kid, payload, signature: yield* decodePart(signature), signed: utf8.encode(`${header}.${body}`) }
  })

const makeLocal = Effect.fnUntraced(function* ({ audience = "user-service", issuer = "user-service" }: TrustedIssuer) {
  const jwks = yield* Jwks
  const signatures = yield* Signature.Signature

  const isMeant = (payload: typeof Payload.Type, now: number): boolean =>
    payload.iss === issuer &&
    payload.aud === audience &&
    payload.user_id === payload.sub &&
    payload.iat < payload.exp &&
    Math.max(payload.iat, payload.nbf ?? 0) <= now + clockSkewSeconds

  return TokenVerifier.of({
    verify: Effect.fn("TokenVerifier.verify")(function* (token) {
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const parsed = parse(Redacted.value(token))
      if (Option.isNone(parsed)) return yield* new TokenInvalid()
      const { kid, payload, signature, signed } = parsed.value
      const key = yield* jwks.find(kid)
      if (Option.isNone(key)) return yield* new TokenInvalid()
      const isSigned = yield* Effect.orDie(signatures.verify(key.value, signature, signed))
      if (!isSigned || !isMeant(payload, now)) return yield* new TokenInvalid()
      return yield* refuseExpired(claimsOf(payload))
    })
  })
})
