import { Schema } from "effect"
import { SessionId } from "./Session.ts"
import { UserId } from "./User.ts"

/** The type of a token: an access token for the API, a refresh token for the next pair of tokens, or the cookie of the console. */
export const TokenType = Schema.Literals(["access", "refresh", "console"])
export type TokenType = typeof TokenType.Type

const claims = {
  userId: UserId,
  sessionId: SessionId,
  /** The unique id of the token (RFC 7519, section 4.1.7). That of a refresh token is derived from session and generation. */
  tokenId: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{16,64}$/)),
  /** Seconds since 1970, as on the wire. */
  issuedAt: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** The first second since 1970 at which the token is expired. */
  expiresAt: Schema.Int.check(Schema.isGreaterThan(0))
}

/** The claims of an access token. */
export const AccessClaims = Schema.Struct({ ...claims, tokenType: Schema.Literal("access") })
export type AccessClaims = typeof AccessClaims.Type

/** The claims of a refresh token. `generation` counts the refreshes of the session. */
export const RefreshClaims = Schema.Struct({
  ...claims,
  tokenType: Schema.Literal("refresh"),
  generation: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
})
export type RefreshClaims = typeof RefreshClaims.Type

/** The claims of the console's cookie. */
export const ConsoleClaims = Schema.Struct({ ...claims, tokenType: Schema.Literal("console") })
export type ConsoleClaims = typeof ConsoleClaims.Type

export const TokenClaims = Schema.Union([AccessClaims, RefreshClaims, ConsoleClaims])
export type TokenClaims = typeof TokenClaims.Type

/** The claims of a token type. */
export type ClaimsOf<T extends TokenType> = Extract<TokenClaims, { readonly tokenType: T }>

/** Why a token was refused. Only for the log, never in a response. */
export const TokenRefusal = Schema.Literals([
  /** Not the text of a signed token. */
  "malformed",
  /** Not signed by a key of this service, or with another algorithm. */
  "bad_signature",
  /** Signed by this service, but for another issuer or audience, or not valid yet. */
  "wrong_claims",
  /** A token of another type. */
  "wrong_type",
  /** Its session has ended. */
  "revoked",
  /** A refresh token that was used before. */
  "reused"
])
export type TokenRefusal = typeof TokenRefusal.Type

// The user of the token, if its signature proves it.
const refusedUser = Schema.optionalKey(UserId)

/** The token is malformed, forged, of another issuer, audience or type, or its session has ended. */
export class TokenInvalid extends Schema.TaggedError<TokenInvalid>()(
  "TokenInvalid",
  { reason: Schema.optionalKey(TokenRefusal), userId: refusedUser },
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Token is invalid"
  }
}

/** The token is valid but expired. */
export class TokenExpired extends Schema.TaggedError<TokenExpired>()(
  "TokenExpired",
  { userId: refusedUser },
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Token has expired"
  }
}
