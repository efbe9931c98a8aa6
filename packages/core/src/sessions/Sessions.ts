import * as ExpiringMap from "@user-service/cache/ExpiringMap"
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
import { anyCase } from "@user-service/domain/Uuid"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Changes } from "../changes/Changes.ts"
import type { AuditEntry } from "../changes/ChangesRepo.ts"
import { Limits } from "../limits/Limits.ts"
import { SecurityNotices } from "../mails/SecurityNotices.ts"
import { LiveSessions } from "../cached/LiveSessions.ts"
import { SessionActivity } from "./SessionActivity.ts"
import { SessionChanges } from "./SessionChanges.ts"
import { SessionSettings } from "../SessionSettings.ts"
import { type RefreshState, SessionsRepo, type TokenState, type SessionFilter } from "./SessionsRepo.ts"
import { SessionTokens, type Tokens } from "./SessionTokens.ts"
import { makeRecordRefusals } from "./TokenRefusals.ts"

// How long the result for an exchangeable refresh token beyond the rate limit is cached, and for how many tokens.
const exchangeableMillis = 1000
const maxExchangeable = 10_000

// The user hears of an end of all sessions and of a theft, but not of a session that they end by itself.
const noticedReasons: ReadonlySet<RevocationReason> = new Set(["logout_all", "reuse_detected"])

const auditEntry = (userId: UserId, sessionId: SessionId, reason: RevocationReason): AuditEntry =>
  reason === "admin"
    ? {
        userId,
        action: "session.ended",
        details: { sessionId, before: { revokedReason: null }, after: { revokedReason: reason } }
      }
    : { userId, action: `session.${reason}`, details: { sessionId } }

const decodeId = Schema.decodeUnknownEffect(anyCase(SessionId))

/** The sessions of users: authenticates and refreshes their tokens, lists and ends them. */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** The claims of an access token whose session is alive. */
    readonly authenticate: (
      accessToken: Redacted.Redacted<string>
    ) => Effect.Effect<AccessClaims, TokenInvalid | TokenExpired | ServiceUnavailable>
    /**
     * Exchanges a refresh token for its successor. The previous token returns the same successor for a grace period, because a
     * response may be lost. Any other use of a replaced token counts as theft and ends the session (RFC 9700, section 4.14.2).
     * Beyond the rate limit, a refresh fails with `RateLimited`, but theft still ends the session.
     */
    readonly refresh: (
      refreshToken: Redacted.Redacted<string>
    ) => Effect.Effect<Tokens, TokenInvalid | TokenExpired | RateLimited | ServiceUnavailable>
    /**
     * Succeeds for a valid token of either type whose session is alive. A refresh token is valid as long as `refresh` would
     * exchange it. A replaced refresh token fails here without ending the session.
     */
    readonly verify: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<void, TokenInvalid | TokenExpired | ServiceUnavailable>
    /**
     * Ends the session of the access token, which may be expired or revoked, else that of the refresh token. Succeeds also if
     * the session has ended already.
     */
    readonly logout: (tokens: {
      readonly access: Option.Option<Redacted.Redacted<string>>
      readonly refresh: Option.Option<Redacted.Redacted<string>>
    }) => Effect.Effect<void, TokenInvalid | ServiceUnavailable>
    /** Ends all sessions of the user and returns their number. The user is told by mail, unless staff end them. */
    readonly logoutAll: (userId: UserId, reason?: "logout_all" | "admin") => Effect.Effect<number, ServiceUnavailable>
    /** The live sessions of the user, the newest first. */
    readonly page: (userId: UserId, request: PageRequest) => Effect.Effect<Page<Session>, ServiceUnavailable>
    readonly revoke: (
      userId: UserId,
      id: string,
      reason?: "revoked" | "admin"
    ) => Effect.Effect<void, SessionNotFound | ServiceUnavailable>
    /** Ends a session of the console that was not used for too long. */
    readonly endIdle: (userId: UserId, id: SessionId) => Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/core/sessions/Sessions") {
  static readonly layerNoDeps = Layer.effect(
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
      const recordRefusals = yield* makeRecordRefusals
      const notices = yield* SecurityNotices

      // Ends the selected sessions in one change and returns their number.
      const end = (userId: UserId, filter: SessionFilter, reason: RevocationReason) =>
        changes
          .change(
            userId,
            Effect.gen(function* () {
              const { events, sessions } = yield* sessionChanges.end(userId, filter, reason)
              const isNoticed = sessions.length > 0 && noticedReasons.has(reason)
              return {
                result: sessions.length,
                events,
                audit: sessions.map((sessionId) => auditEntry(userId, sessionId, reason)),
                mails: isNoticed ? yield* notices.compose(userId, "sessions_ended") : []
              }
            })
          )
          .pipe(
            // An erased user has no sessions.
            Effect.catchTag("UserNotFound", () => Effect.succeed(0))
          )

      const requireAlive = Effect.fnUntraced(function* (claims: TokenClaims) {
        const alive = yield* liveSessions.isAlive(claims.userId, claims.sessionId)
        if (!alive) return yield* new TokenInvalid({ reason: "revoked", userId: claims.userId })
      })

      const authenticate = Effect.fnUntraced(function* (accessToken: Redacted.Redacted<string>) {
        const claims = yield* signer.verify("access", Redacted.value(accessToken))
        yield* requireAlive(claims)
        yield* activity.note(claims.sessionId)
        return claims
      }, recordRefusals("access_token_refused"))

      const findRefreshState = (claims: RefreshClaims, now: DateTime.Utc) =>
        storage
          .read(repo.refreshState(claims.sessionId, signer.hashTokenId(claims.tokenId), now))
          .pipe(Effect.map(Option.filter((state) => state.live)))

      // Whether the token is the current one, or the previous one within the grace period.
      const isExchangeable = (state: RefreshState, claims: RefreshClaims, now: DateTime.Utc) =>
        state.isCurrent ||
        (state.isPrevious &&
          state.generation === claims.generation + 1 &&
          Duration.isLessThanOrEqualTo(DateTime.distance(state.refreshedAt, now), settings.refreshGrace))

      // The session of an exchangeable token. Any other token of a live session counts as stolen and ends the session.
      const judge = Effect.fnUntraced(function* (claims: RefreshClaims, now: DateTime.Utc) {
        const state = yield* findRefreshState(claims, now)
        const { userId } = claims
        if (Option.isNone(state)) return yield* new TokenInvalid({ reason: "revoked", userId })
        if (isExchangeable(state.value, claims, now)) return state.value
        yield* end(userId, [claims.sessionId], "reuse_detected")
        return yield* new TokenInvalid({ reason: "reused", userId })
      })

      const exchange = Effect.fnUntraced(function* (claims: RefreshClaims) {
        const now = yield* DateTime.now
        const next = signer.refreshTokenId(claims.sessionId, claims.generation + 1)
        const rotation = yield* storage.write(
          repo.rotate({
            id: claims.sessionId,
            generation: claims.generation,
            refreshTokenHash: signer.hashTokenId(claims.tokenId),
            nextRefreshTokenHash: signer.hashTokenId(next),
            now,
            lifetimeSeconds: Duration.toSeconds(settings.refreshLifetime),
            maxSeconds: Duration.toSeconds(settings.maxLifetime)
          })
        )
        const session: TokenState = Option.isSome(rotation) ? rotation.value : yield* judge(claims, now)
        return yield* sessionTokens.issue(session)
      })

      // How long the token stays exchangeable, at most `exchangeableMillis`.
      const remainingMillis = (state: RefreshState, now: DateTime.Utc) => {
        const grace = Duration.subtract(settings.refreshGrace, DateTime.distance(state.refreshedAt, now))
        return state.isCurrent ? exchangeableMillis : Math.min(exchangeableMillis, Duration.toMillis(grace))
      }

      // Beyond the rate limit a token is only checked for theft. Two caches bound the queries: `LiveSessions` remembers ended
      // sessions, and an exchangeable token is not looked up again for a second.
      const exchangeable = ExpiringMap.make<true>(maxExchangeable)
      const judgeBeyondLimit = Effect.fnUntraced(function* (claims: RefreshClaims, limited: RateLimited) {
        yield* requireAlive(claims)
        const now = yield* DateTime.now
        const millis = DateTime.toEpochMillis(now)
        if (exchangeable.get(claims.tokenId, millis) === undefined) {
          const state = yield* judge(claims, now)
          exchangeable.set(claims.tokenId, true, millis + remainingMillis(state, now), millis)
        }
        return yield* limited
      })

      const refresh = Effect.fn("Sessions.refresh")(function* (refreshToken: Redacted.Redacted<string>) {
        const claims = yield* signer.verify("refresh", Redacted.value(refreshToken))
        return yield* limits
          .guard([{ limit: "refresh", key: claims.sessionId }])(exchange(claims))
          .pipe(Effect.catchTag("RateLimited", (limited) => judgeBeyondLimit(claims, limited)))
      }, recordRefusals("refresh_token_refused"))

      const verifyAccess = Effect.fnUntraced(function* (token: string) {
        yield* requireAlive(yield* signer.verify("access", token))
      })

      const verifyRefresh = Effect.fnUntraced(function* (token: string) {
        const claims = yield* signer.verify("refresh", token)
        yield* requireAlive(claims)
        const now = yield* DateTime.now
        const state = yield* findRefreshState(claims, now)
        if (!Option.exists(state, (found) => isExchangeable(found, claims, now))) {
          return yield* new TokenInvalid({ reason: "reused", userId: claims.userId })
        }
      })

      const verify = Effect.fn("Sessions.verify")(function* (token: Redacted.Redacted<string>) {
        const text = Redacted.value(token)
        yield* Effect.catch(verifyAccess(text), (error) =>
          error._tag === "TokenInvalid" && error.reason === "wrong_type"
            ? recordRefusals("refresh_token_refused")(verifyRefresh(text))
            : recordRefusals("access_token_refused")(Effect.fail(error))
        )
      })

      const logout = Effect.fn("Sessions.logout")(function* ({
        access,
        refresh
      }: {
        readonly access: Option.Option<Redacted.Redacted<string>>
        readonly refresh: Option.Option<Redacted.Redacted<string>>
      }) {
        const byAccess = Effect.flatMap(Effect.fromOption(access), (token) =>
          signer.verifyIgnoringExpiry(Redacted.value(token))
        )
        const byRefresh = Effect.flatMap(Effect.fromOption(refresh), (token) =>
          signer.verify("refresh", Redacted.value(token))
        )
        const claims = yield* (
          Option.isNone(refresh)
            ? recordRefusals("access_token_refused")(byAccess)
            : Effect.catch(byAccess, () => recordRefusals("refresh_token_refused")(byRefresh))
        ).pipe(Effect.mapError(() => new TokenInvalid()))
        yield* end(claims.userId, [claims.sessionId], "logout")
      })

      const logoutAll = Effect.fn("Sessions.logoutAll")(
        (userId: UserId, reason: "logout_all" | "admin" = "logout_all") => end(userId, "all", reason)
      )

      const page = Effect.fn("Sessions.page")((userId: UserId, request: PageRequest) =>
        storage.read(Effect.flatMap(DateTime.now, (now) => repo.page(userId, request, now)))
      )

      const revoke = Effect.fn("Sessions.revoke")(function* (
        userId: UserId,
        id: string,
        reason: "revoked" | "admin" = "revoked"
      ) {
        const sessionId = yield* Effect.mapError(decodeId(id), () => new SessionNotFound())
        const ended = yield* end(userId, [sessionId], reason)
        if (ended === 0) return yield* new SessionNotFound()
      })

      const endIdle = Effect.fn("Sessions.endIdle")((userId: UserId, id: SessionId) =>
        Effect.asVoid(end(userId, [id], "idle"))
      )

      return { authenticate, refresh, verify, logout, logoutAll, page, revoke, endIdle }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      SessionsRepo.layer,
      Changes.layer,
      SessionChanges.layer,
      LiveSessions.layer,
      SessionActivity.layer,
      SessionTokens.layer,
      SecurityNotices.layer,
      Limits.layer
    ])
  )
}
