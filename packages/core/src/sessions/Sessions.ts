import * as Storage from "@user-service/database/Storage"
import type { Page, PageRequest } from "@user-service/domain/Page"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type RevocationReason, type Session, SessionId, SessionNotFound } from "@user-service/domain/Session"
import {
  type AccessClaims,
  type RefreshClaims,
  type TokenClaims,
  type TokenExpired,
  TokenInvalid
} from "@user-service/domain/Token"
import type { UserId } from "@user-service/domain/User"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { LiveSessions } from "./LiveSessions.ts"
import { SessionActivity } from "./SessionActivity.ts"
import { SessionChanges } from "./SessionChanges.ts"
import { SessionSettings } from "./SessionSettings.ts"
import { SessionsRepo, type TokenState, type Which } from "./SessionsRepo.ts"
import { SessionTokens, type Tokens } from "./SessionTokens.ts"

/** A user's logins: kept by refreshing, seen in a list, ended by hand, by theft, or all at once. */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** What a live access token says: whose it is, and of which session. */
    readonly authenticate: (
      accessToken: Redacted.Redacted<string>
    ) => Effect.Effect<AccessClaims, TokenInvalid | TokenExpired | ServiceUnavailable>
    /**
     * Exchanges a refresh token for its successor. The token just replaced gets the same successor again for a grace
     * period, since answers are lost on the way; any older use is theft and ends the session (RFC 9700, section 4.14.2).
     */
    readonly refresh: (
      refreshToken: Redacted.Redacted<string>
    ) => Effect.Effect<Tokens, TokenInvalid | TokenExpired | RateLimited | ServiceUnavailable>
    /** Succeeds for a token of either type that is good and whose session lives. */
    readonly verify: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<void, TokenInvalid | TokenExpired | ServiceUnavailable>
    /**
     * Ends the session of the access token, which may be expired or revoked, else that of the refresh token. Ending it
     * again is no error.
     */
    readonly logout: (tokens: {
      readonly access: Option.Option<Redacted.Redacted<string>>
      readonly refresh: Option.Option<Redacted.Redacted<string>>
    }) => Effect.Effect<void, TokenInvalid | ServiceUnavailable>
    /** Answers how many sessions it ended. */
    readonly logoutAll: (userId: UserId) => Effect.Effect<number, ServiceUnavailable>
    /** Live ones, newest first. */
    readonly page: (userId: UserId, request: PageRequest) => Effect.Effect<Page<Session>, ServiceUnavailable>
    readonly revoke: (userId: UserId, id: string) => Effect.Effect<void, SessionNotFound | ServiceUnavailable>
  }
>()("@user-service/core/sessions/Sessions") {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const repo = yield* SessionsRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const sessionChanges = yield* SessionChanges
      const liveSessions = yield* LiveSessions
      const activity = yield* SessionActivity
      const sessionTokens = yield* SessionTokens
      const signer = yield* TokenSigner
      const limits = yield* Limits
      const settings = yield* SessionSettings

      // The sessions the user has named or all of them, in a change of their own.
      const end = (userId: UserId, which: Which, reason: RevocationReason) =>
        changes
          .change([userId], () =>
            Effect.map(sessionChanges.end(userId, which, reason), ({ events, sessions }) => ({
              result: sessions.length,
              events,
              audit: sessions.map((sessionId) => ({ userId, action: `session.${reason}`, details: { sessionId } }))
            }))
          )
          .pipe(
            // A user who is gone has no sessions left to end.
            Effect.catchTag("UserNotFound", () => Effect.succeed(0))
          )

      const requireAlive = Effect.fnUntraced(function* (claims: TokenClaims) {
        const alive = yield* liveSessions.isAlive(claims.userId, claims.sessionId)
        if (!alive) return yield* new TokenInvalid()
      })

      const authenticate = Effect.fnUntraced(function* (accessToken: Redacted.Redacted<string>) {
        const claims = yield* signer.verify("access", Redacted.value(accessToken))
        yield* requireAlive(claims)
        yield* activity.note(claims.sessionId)
        return claims
      })

      // A refresh token that could not be exchanged: the one just replaced, a stolen one, or one of a session that is over.
      const judge = Effect.fnUntraced(function* (claims: RefreshClaims, presented: Uint8Array, now: DateTime.Utc) {
        const state = yield* storage.read(repo.refreshState(claims.sessionId, presented, now))
        if (Option.isNone(state) || !state.value.live) return yield* new TokenInvalid()
        const { generation, isPrevious, refreshedAt } = state.value
        const age = DateTime.distance(refreshedAt, now)
        if (
          isPrevious &&
          generation === claims.generation + 1 &&
          Duration.isLessThanOrEqualTo(age, settings.refreshGrace)
        ) {
          return state.value
        }
        yield* Effect.logWarning("A refresh token was used twice; its session is revoked").pipe(
          Effect.annotateLogs({ user_id: claims.userId, session_id: claims.sessionId })
        )
        yield* end(claims.userId, [claims.sessionId], "reuse_detected")
        return yield* new TokenInvalid()
      })

      const exchange = Effect.fnUntraced(function* (claims: RefreshClaims) {
        const now = yield* DateTime.now
        const presented = signer.hashTokenId(claims.tokenId)
        const next = signer.refreshTokenId(claims.sessionId, claims.generation + 1)
        const rotated = yield* storage.write(
          repo.rotate({
            id: claims.sessionId,
            generation: claims.generation,
            refreshTokenHash: presented,
            nextRefreshTokenHash: signer.hashTokenId(next),
            now,
            lifetimeSeconds: Duration.toSeconds(settings.refreshLifetime),
            maxSeconds: Duration.toSeconds(settings.maxLifetime)
          })
        )
        const session: TokenState = Option.isSome(rotated) ? rotated.value : yield* judge(claims, presented, now)
        return yield* sessionTokens.issue(session)
      })

      const refresh = Effect.fn("Sessions.refresh")(function* (refreshToken: Redacted.Redacted<string>) {
        const claims = yield* signer.verify("refresh", Redacted.value(refreshToken))
        return yield* limits.guard([{ limit: "refresh", key: claims.sessionId }])(exchange(claims))
      })

      const verify = Effect.fn("Sessions.verify")(function* (token: Redacted.Redacted<string>) {
        const text = Redacted.value(token)
        const claims: TokenClaims = yield* signer
          .verify("access", text)
          .pipe(Effect.catchTag("TokenInvalid", () => signer.verify("refresh", text)))
        yield* requireAlive(claims)
      })

      const logout = Effect.fn("Sessions.logout")(function* ({
        access,
        refresh
      }: {
        readonly access: Option.Option<Redacted.Redacted<string>>
        readonly refresh: Option.Option<Redacted.Redacted<string>>
      }) {
        const bearer = yield* Effect.option(
          Effect.flatMap(Effect.fromOption(access), (token) => signer.verifyIgnoringExpiry(Redacted.value(token)))
        )
        const claims: TokenClaims = Option.isSome(bearer)
          ? bearer.value
          : yield* Effect.flatMap(Effect.fromOption(refresh), (token) =>
              signer.verify("refresh", Redacted.value(token))
            ).pipe(Effect.mapError(() => new TokenInvalid()))
        yield* end(claims.userId, [claims.sessionId], "logout")
      })

      const logoutAll = Effect.fn("Sessions.logoutAll")((userId: UserId) => end(userId, "all", "logout_all"))

      const page = Effect.fn("Sessions.page")((userId: UserId, request: PageRequest) =>
        storage.read(Effect.flatMap(DateTime.now, (now) => repo.page(userId, request, now)))
      )

      const revoke = Effect.fn("Sessions.revoke")(function* (userId: UserId, id: string) {
        const sessionId = yield* Schema.decodeUnknownEffect(SessionId)(id).pipe(
          Effect.mapError(() => new SessionNotFound())
        )
        const ended = yield* end(userId, [sessionId], "revoked")
        if (ended === 0) return yield* new SessionNotFound()
      })

      return { authenticate, refresh, verify, logout, logoutAll, page, revoke }
    })
  )
}
