import { type DomainEvent, SessionRevoked } from "@user-service/domain/DomainEvent"
import { type RevocationReason, SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import type { AuditEntry } from "../changes/ChangesRepo.ts"
import { InactivePushTokens } from "../push-tokens/InactivePushTokens.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { PushTokensRepo } from "../push-tokens/PushTokensRepo.ts"
import { SessionSettings } from "../SessionSettings.ts"
import { SessionsRepo, type TokenState, type SessionFilter } from "./SessionsRepo.ts"

/** The sessions that ended in this transaction, and the events to publish. */
export interface EndedSessions {
  readonly sessions: ReadonlyArray<SessionId>
  readonly events: ReadonlyArray<DomainEvent>
}

/** A session opened in this transaction, with the events and audit entries of the sessions that it evicted. */
interface OpenedSession {
  readonly session: TokenState
  readonly events: ReadonlyArray<DomainEvent>
  readonly audit: ReadonlyArray<AuditEntry>
}

/** The sessions of the console have no refresh token and end after {@link consoleLifetime}, or earlier when they are idle. */
export type SessionKind = "device" | "console"

/** The longest time that a session of the console lives: a working day. */
const consoleLifetime = Duration.hours(12)

/** Opens and ends sessions inside the transaction of a change. */
export class SessionChanges extends Context.Service<
  SessionChanges,
  {
    /** Opens a session and ends the user's least recently seen sessions beyond `MAX_SESSIONS`. */
    readonly open: (
      userId: UserId,
      deviceName: string,
      kind?: SessionKind
    ) => Effect.Effect<OpenedSession, SqlError.SqlError>
    /** Ends all of the user's sessions and opens a new one, which gets the push tokens of `current`. */
    readonly replaceAll: (
      userId: UserId,
      current: SessionId,
      reason: RevocationReason
    ) => Effect.Effect<EndedSessions & { readonly session: TokenState }, SqlError.SqlError>
    /** Ends the selected live sessions of the user and deactivates their push tokens. */
    readonly end: (
      userId: UserId,
      filter: SessionFilter,
      reason: RevocationReason
    ) => Effect.Effect<EndedSessions, SqlError.SqlError>
  }
>()("@user-service/core/sessions/SessionChanges") {
  static readonly layerNoDeps = Layer.effect(
    SessionChanges,
    Effect.gen(function* () {
      const sessions = yield* SessionsRepo
      const pushTokens = yield* PushTokensRepo
      const inactiveTokens = yield* InactivePushTokens
      const signer = yield* TokenSigner
      const random = yield* SecureRandom.SecureRandom
      const settings = yield* SessionSettings
      const lifetime = Duration.min(settings.refreshLifetime, settings.maxLifetime)

      const insert = Effect.fnUntraced(function* (userId: UserId, deviceName: string, kind: SessionKind) {
        const now = yield* DateTime.now
        const id = SessionId.make(yield* random.uuidV7())
        return yield* sessions.insert({
          id,
          userId,
          deviceName,
          refreshTokenHash: signer.hashTokenId(signer.refreshTokenId(id, 1)),
          now,
          expiresAt: DateTime.addDuration(now, kind === "console" ? Duration.min(consoleLifetime, lifetime) : lifetime),
          isConsole: kind === "console"
        })
      })

      const end = Effect.fn("SessionChanges.end")(function* (
        userId: UserId,
        filter: SessionFilter,
        reason: RevocationReason
      ) {
        const now = yield* DateTime.now
        const ended = yield* sessions.end(userId, filter, reason, now)
        if (ended.length === 0) return { sessions: ended, events: [] }
        const deactivated = yield* pushTokens.deactivateOfSessions(ended, now)
        if (deactivated.length > 0) yield* inactiveTokens.trim([userId])
        return {
          sessions: ended,
          events: [
            ...ended.map((sessionId) => new SessionRevoked({ userId, sessionId, reason })),
            ...pushTokensRemoved(deactivated, "logged_out")
          ]
        }
      })

      const open = Effect.fn("SessionChanges.open")(function* (
        userId: UserId,
        deviceName: string,
        kind: SessionKind = "device"
      ) {
        const session = yield* insert(userId, deviceName, kind)
        const { events, sessions } = yield* end(userId, { beyond: settings.maxSessions, keep: session.id }, "evicted")
        const audit = sessions.map((sessionId) => ({ userId, action: "session.evicted", details: { sessionId } }))
        return { session, events, audit }
      })

      const replaceAll = Effect.fn("SessionChanges.replaceAll")(function* (
        userId: UserId,
        current: SessionId,
        reason: RevocationReason
      ) {
        const session = yield* insert(userId, yield* sessions.deviceName(current), "device")
        yield* pushTokens.moveSession(current, session.id)
        return { session, ...(yield* end(userId, { allBut: session.id }, reason)) }
      })

      return { open, replaceAll, end }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([SessionsRepo.layer, PushTokensRepo.layer, InactivePushTokens.layer])
  )
}
