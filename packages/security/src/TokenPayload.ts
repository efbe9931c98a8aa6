import { SessionId } from "@user-service/domain/Session"
import {
  AccessClaims,
  type ClaimsOf,
  ConsoleClaims,
  RefreshClaims,
  type TokenClaims,
  type TokenType
} from "@user-service/domain/Token"
import { UserId } from "@user-service/domain/User"
import { anyCase } from "@user-service/domain/Uuid"
import { Option, Schema } from "effect"

/** The issuer and the audience of tokens. */
export interface Names {
  readonly issuer: string
  readonly audience: string
}

// How far the clock of another replica may be ahead.
const clockSkewSeconds = 60

const wire = {
  iss: Schema.String,
  aud: Schema.String,
  // This service writes lower case. Other holders of a shared secret may not, and session ids are compared in lower case.
  sub: anyCase(UserId),
  user_id: anyCase(UserId),
  sid: anyCase(SessionId),
  jti: AccessClaims.fields.tokenId,
  iat: AccessClaims.fields.issuedAt,
  exp: AccessClaims.fields.expiresAt,
  // Only other holders of a shared secret set it (RFC 7519, section 4.1.5).
  nbf: Schema.optionalKey(AccessClaims.fields.issuedAt)
}
const AccessWire = Schema.Struct({ ...wire, token_type: AccessClaims.fields.tokenType })
const RefreshWire = Schema.Struct({
  ...wire,
  token_type: RefreshClaims.fields.tokenType,
  gen: RefreshClaims.fields.generation
})
const ConsoleWire = Schema.Struct({ ...wire, token_type: ConsoleClaims.fields.tokenType })
type Wire = typeof AccessWire.Type | typeof RefreshWire.Type | typeof ConsoleWire.Type

const decodeAccess = Schema.decodeUnknownOption(Schema.fromJsonString(AccessWire))
const decodeRefresh = Schema.decodeUnknownOption(Schema.fromJsonString(RefreshWire))
const decodeConsole = Schema.decodeUnknownOption(Schema.fromJsonString(ConsoleWire))

/** Encodes the claims of a token, always in the same order, so that equal claims give equal text. */
export const format = (claims: TokenClaims, { audience, issuer }: Names): string =>
  JSON.stringify({
    sub: claims.userId,
    user_id: claims.userId,
    token_type: claims.tokenType,
    sid: claims.sessionId,
    jti: claims.tokenId,
    iss: issuer,
    aud: audience,
    iat: claims.issuedAt,
    exp: claims.expiresAt,
    ...(claims.tokenType === "refresh" ? { gen: claims.generation } : undefined)
  })

const parseAccess = (text: string, names: Names, now: number): Option.Option<AccessClaims> =>
  decodeAccess(text).pipe(
    Option.filter((payload) => isValidFor(payload, names, now)),
    Option.map((payload) => ({ ...shared(payload), tokenType: payload.token_type }))
  )

const parseRefresh = (text: string, names: Names, now: number): Option.Option<RefreshClaims> =>
  decodeRefresh(text).pipe(
    Option.filter((payload) => isValidFor(payload, names, now)),
    Option.map((payload) => ({ ...shared(payload), tokenType: payload.token_type, generation: payload.gen }))
  )

const parseConsole = (text: string, names: Names, now: number): Option.Option<ConsoleClaims> =>
  decodeConsole(text).pipe(
    Option.filter((payload) => isValidFor(payload, names, now)),
    Option.map((payload) => ({ ...shared(payload), tokenType: payload.token_type }))
  )

/** Decodes the claims of a token by its type. None unless issuer, audience and times are valid. Does not check the expiry. */
export const parse: {
  readonly [T in TokenType]: (text: string, names: Names, now: number) => Option.Option<ClaimsOf<T>>
} = { access: parseAccess, refresh: parseRefresh, console: parseConsole }

const isValidFor = (payload: Wire, { audience, issuer }: Names, now: number): boolean =>
  payload.iss === issuer &&
  payload.aud === audience &&
  payload.user_id === payload.sub &&
  payload.iat <= now + clockSkewSeconds &&
  (payload.nbf ?? payload.iat) <= now + clockSkewSeconds &&
  payload.iat < payload.exp

const shared = (payload: Wire) => ({
  userId: payload.sub,
  sessionId: payload.sid,
  tokenId: payload.jti,
  issuedAt: payload.iat,
  expiresAt: payload.exp
})
