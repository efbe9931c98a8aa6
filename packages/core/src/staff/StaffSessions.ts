// Sessions of staff, and of the console (decision 0045).
import * as Storage from "@user-service/database/Storage"
import type { InvalidCredentials } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import { NotStaff, type Role } from "@user-service/domain/Role"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import { type TokenClaims, TokenExpired, TokenInvalid } from "@user-service/domain/Token"
import type { User, UserId } from "@user-service/domain/User"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Effect, Layer, Option, Redacted } from "effect"
import { type Login, Logins } from "../accounts/Logins.ts"
import { SessionActivity } from "../sessions/SessionActivity.ts"
import type { SessionKind } from "../sessions/SessionChanges.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { SessionsRepo } from "../sessions/SessionsRepo.ts"
import { SessionTokens } from "../sessions/SessionTokens.ts"
import { makeRecordRefusals } from "../sessions/TokenRefusals.ts"
import { StaffSessionsRepo } from "./StaffSessionsRepo.ts"

/** The session of a member of staff, and the role as it is now. */
export interface StaffSession {
  readonly userId: UserId
  readonly sessionId: SessionId
  readonly role: Role
  readonly expiresAt: DateTime.Utc
}

/** A token of a session: the cookie of the console, or the access token of a device. */
export interface StaffCredential {
  readonly token: Redacted.Redacted<string>
  readonly kind: SessionKind
}

/** A new session of the console, and the token that proves it. */
export interface OpenedStaffSession {
  readonly user: User
  readonly role: Role
  readonly token: Redacted.Redacted<string>
  readonly expiresAt: DateTime.Utc
}

/** The sessions of staff. Role and session are read from the database for each request, so that a change of either takes effect at once. */
export class StaffSessions extends Context.Service<
  StaffSessions,
  {
    /** Fails with `NotStaff` if the user has no role. Ends a session of the console that is idle. */
    readonly authenticate: (
      credential: StaffCredential
    ) => Effect.Effect<StaffSession, TokenInvalid | TokenExpired | NotStaff | ServiceUnavailable>
    /** Opens a session of the console. A user without a role is refused like a wrong password. */
    readonly login: (
      login: Login
    ) => Effect.Effect<OpenedStaffSession, InvalidCredentials | RateLimited | ServiceUnavailable>
    /** The role of a user, null for users who are not staff and for unknown users. */
    readonly roleOf: (userId: UserId) => Effect.Effect<Role | null, ServiceUnavailable>
  }
>()("@user-service/core/staff/StaffSessions") {
  static readonly layerNoDeps = Layer.effect(
    StaffSessions,
    Effect.gen(function* () {
      const repo = yield* StaffSessionsRepo
      const sessionsRepo = yield* SessionsRepo
      const storage = yield* Storage.Storage
      const logins = yield* Logins
      const sessions = yield* Sessions
      const activity = yield* SessionActivity
      const signer = yield* TokenSigner
      const sessionTokens = yield* SessionTokens
      const recordRefusals = yield* makeRecordRefusals

      const find = Effect.fnUntraced(function* ({ sessionId, userId }: TokenClaims, kind: SessionKind) {
        const found = yield* storage.read(Effect.flatMap(DateTime.now, (now) => repo.find(userId, sessionId, now)))
        if (Option.isNone(found) || found.value.isConsole !== (kind === "console")) {
          return yield* new TokenInvalid({ reason: "revoked", userId })
        }
        if (found.value.isIdle) {
          yield* sessions.endIdle(userId, sessionId)
          return yield* new TokenExpired({ userId })
        }
        return found.value
      })

      // A session of the console ends by this time, so it is written before the answer, at most once a minute.
      const noteActivity = (id: SessionId, kind: SessionKind) =>
        kind === "console"
          ? storage.write(Effect.flatMap(DateTime.now, (now) => sessionsRepo.touch([id], now)))
          : activity.note(id)

      const authenticate = Effect.fn("StaffSessions.authenticate")(function* ({ kind, token }: StaffCredential) {
        const claims = yield* signer.verify(kind === "console" ? "console" : "access", Redacted.value(token))
        const { expiresAt, role } = yield* find(claims, kind)
        yield* noteActivity(claims.sessionId, kind)
        return role === null
          ? yield* new NotStaff()
          : { userId: claims.userId, sessionId: claims.sessionId, role, expiresAt }
      }, recordRefusals("access_token_refused"))

      const login = Effect.fn("StaffSessions.login")(function* (credentials: Login) {
        const { role, session, user } = yield* logins.loginStaff(credentials)
        const token = yield* sessionTokens.issueForConsole(session)
        return { user, role, token: Redacted.make(token), expiresAt: session.expiresAt }
      })

      const roleOf = Effect.fn("StaffSessions.roleOf")((userId: UserId) =>
        Effect.map(storage.read(repo.role(userId)), (found) =>
          Option.match(found, { onNone: () => null, onSome: ({ role }) => role })
        )
      )

      return { authenticate, login, roleOf }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      StaffSessionsRepo.layer,
      SessionsRepo.layer,
      Logins.layer,
      Sessions.layer,
      SessionActivity.layer,
      SessionTokens.layer
    ])
  )
}
