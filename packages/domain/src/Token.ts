import { Schema } from "effect"
import { SessionId } from "./Session.ts"
import { UserId } from "./User.ts"

/** What a token opens: an access token the API, a refresh token nothing but the next pair of tokens. */
export const TokenType = Schema.Literals(["access", "refresh"])
export type TokenType = typeof TokenType.Type

const claims = {
  userId: UserId,
  sessionId: SessionId,
  /** Unique to this token (RFC 7519, section 4.1.7); of a refresh token it follows from session and generation. */
  tokenId: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{16,64}$/)),
  /** Seconds since 1970, as on the wire. */
  issuedAt: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** Seconds since 1970: from this second on the token is expired. */
  expiresAt: Schema.Int.check(Schema.isGreaterThan(0))
}

/** What an access token says of its bearer. */
export const AccessClaims = Schema.Struct({ ...claims, tokenType: Schema.Literal("access") })
export type AccessClaims = typeof AccessClaims.Type

/** What a refresh token says: which session it continues, and which link of the session's chain it is. */
export const RefreshClaims = Schema.Struct({
  ...claims,
  tokenType: Schema.Literal("refresh"),
  generation: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
})
export type RefreshClaims = typeof RefreshClaims.Type

export const TokenClaims = Schema.Union([AccessClaims, RefreshClaims])
export type TokenClaims = typeof TokenClaims.Type

/** The claims of one type of token. */
export type ClaimsOf<T extends TokenType> = Extract<TokenClaims, { readonly tokenType: T }>

/** Why a token was refused. It is for the log of the service that refused it: no answer shows it. */
export const TokenRefusal = Schema.Literals([
  /** Not the text of a signed token. */
  "malformed",
  /** Not signed by a key of ours, or not as this type of token is. */
  "bad_signature",
  /** Signed by us, but not for this issuer and audience, or not yet. */
  "wrong_claims",
  /** A refresh token in the place of an access token, or the reverse. */
  "wrong_type",
  /** Its session has ended. */
  "revoked",
  /** A refresh token that was exchanged before. */
  "reused"
])
export type TokenRefusal = typeof TokenRefusal.Type

// Whose the token is, where its signature proves it.
const refusedUser = Schema.optionalKey(UserId)

/** Not a token of ours: malformed, forged, of another issuer, audience or type, or of a session that has ended. */
export class TokenInvalid extends Schema.TaggedError<TokenInvalid>()(
  "TokenInvalid",
  { reason: Schema.optionalKey(TokenRefusal), userId: refusedUser },
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Token is invalid"
  }
}

/** A token of ours whose time is over. */
export class TokenExpired extends Schema.TaggedError<TokenExpired>()(
  "TokenExpired",
  { userId: refusedUser },
  { httpApiStatus: 401 }
) {
  override get message() {
    return "Token has expired"
  }
}
