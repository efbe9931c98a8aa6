import { UserEmailVerified, UserPasswordChanged, UserUpdated } from "@user-service/domain/DomainEvent"
import { OneTimeTokenInvalid, OneTimeTokenPurpose } from "@user-service/domain/OneTimeToken"
import { PasswordRejected } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer, type Redacted } from "effect"
import { KnownNetworks } from "../accounts/KnownNetworks.ts"
import { PasswordPolicy } from "../accounts/PasswordPolicy.ts"
import { Passwords } from "../accounts/Passwords.ts"
import { Changes } from "../changes/Changes.ts"
import { FailedLogins } from "../limits/FailedLogins.ts"
import { SecurityNotices } from "../mails/SecurityNotices.ts"
import { type ConsumedToken, OneTimeTokensRepo, type TokenHolder } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { pushTokensRemoved } from "../push-tokens/PushTokenEvents.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { Confirmations, type ValidToken } from "./Confirmations.ts"
import { RecoveryRepo } from "./RecoveryRepo.ts"

/** A token from a mail, and the password to set. */
export interface PasswordReset {
  readonly token: Redacted.Redacted<string>
  readonly newPassword: Redacted.Redacted<string>
}

/** Sets a new password for users who forgot theirs and prove that they read their mail. */
export class PasswordResets extends Context.Service<
  PasswordResets,
  {
    /**
     * Sets the password, verifies the address, ends all sessions and voids the user's other one-time tokens in one transaction.
     * The first reset of an account whose address was never verified also removes its phone number, push tokens and known
     * networks, and hides the origins of its older sessions and audit entries from exports, since a stranger may have registered
     * it. A rejected password does not consume the token.
     */
    readonly confirm: (
      reset: PasswordReset
    ) => Effect.Effect<void, OneTimeTokenInvalid | PasswordRejected | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/recovery/PasswordResets") {
  static readonly layerNoDeps = Layer.effect(
    PasswordResets,
    Effect.gen(function* () {
      const confirmations = yield* Confirmations
      const knownNetworks = yield* KnownNetworks
      const failedLogins = yield* FailedLogins
      const tokens = yield* OneTimeTokensRepo
      const repo = yield* RecoveryRepo
      const policy = yield* PasswordPolicy
      const passwords = yield* Passwords
      const changes = yield* Changes
      const sessionChanges = yield* SessionChanges
      const notices = yield* SecurityNotices

      const checkPolicy = Effect.fnUntraced(function* (holder: TokenHolder, password: Redacted.Redacted<string>) {
        const attributes = [holder.email, holder.username, holder.firstName, holder.lastName]
        const problems = yield* policy.problems(password, attributes)
        if (Array.isReadonlyArrayNonEmpty(problems)) {
          return yield* new PasswordRejected({ field: "newPassword", problems })
        }
      })

      // Removes what a stranger who registered the address could have left to be notified of its owner's affairs, and hides what
      // would tell the owner where the stranger was. `now` is read after the token was consumed, so under the lock of the user:
      // a change that held the lock before has written its entry before.
      const clearUnproved = Effect.fnUntraced(function* (userId: UserId, { hasPhoneNumber }: ConsumedToken) {
        yield* knownNetworks.forget(userId)
        const now = yield* DateTime.now
        yield* repo.hideOrigins(userId, now)
        const removed = yield* repo.removePushTokens(userId)
        if (hasPhoneNumber) yield* repo.removePhoneNumber(userId)
        return [
          new UserEmailVerified({ userId }),
          ...(hasPhoneNumber ? [new UserUpdated({ userId, updatedFields: { phoneNumber: null } })] : []),
          ...pushTokensRemoved(
            removed.filter((token) => token.isActive),
            "revoked"
          )
        ]
      })

      // Logins, refreshes and password changes in progress lose: they hold the old hash, or a session that ends here.
      const set = (userId: UserId, consume: ValidToken["consume"], passwordHash: string) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const now = yield* DateTime.now
            const consumed = yield* consume
            yield* tokens.remove(userId, OneTimeTokenPurpose.literals)
            yield* repo.setPassword(userId, passwordHash)
            yield* repo.verifyEmail(userId, now)
            yield* failedLogins.clearOf(userId)
            const proofEvents = consumed.isVerified ? [] : yield* clearUnproved(userId, consumed)
            yield* knownNetworks.record(userId)
            const { events, sessions } = yield* sessionChanges.end(userId, "all", "password_reset")
            return {
              result: undefined,
              events: [new UserPasswordChanged({ userId }), ...proofEvents, ...events],
              audit: [{ userId, action: "user.password_reset", details: { endedSessions: sessions.length } }],
              mails: yield* notices.compose(userId, "password_changed")
            }
          })
        )

      const confirm = Effect.fn("PasswordResets.confirm")(({ newPassword, token }: PasswordReset) =>
        confirmations.confirm("password_reset", token, ({ consume, holder }) =>
          Effect.gen(function* () {
            // Outside `withPlace`: the strength estimate has its own queue.
            yield* checkPolicy(holder, newPassword)
            yield* passwords.withPlace(
              Effect.flatMap(passwords.hash(newPassword), (hash) => set(holder.userId, consume, hash))
            )
          }).pipe(Effect.catchTag("UserNotFound", () => Effect.fail(new OneTimeTokenInvalid())))
        )
      )

      return { confirm }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      Confirmations.layer,
      KnownNetworks.layer,
      FailedLogins.layer,
      OneTimeTokensRepo.layer,
      RecoveryRepo.layer,
      PasswordPolicy.layer,
      Passwords.layer,
      Changes.layer,
      SessionChanges.layer,
      SecurityNotices.layer
    ])
  )
}
