import * as Storage from "@user-service/database/Storage"
import { UserPasswordChanged } from "@user-service/domain/DomainEvent"
import { IncorrectPassword, PasswordRejected } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import { TokenInvalid } from "@user-service/domain/Token"
import type { UserId } from "@user-service/domain/User"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Array, Context, type Duration, Effect, Layer, Option, type Redacted } from "effect"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { SecurityNotices } from "../mails/SecurityNotices.ts"
import { OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { CurrentOrigin } from "../Origin.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { SessionTokens, type Tokens } from "../sessions/SessionTokens.ts"
import { AccountsRepo } from "./AccountsRepo.ts"
import { PasswordPolicy } from "./PasswordPolicy.ts"
import { CredentialsChanged, PasswordRefused, Passwords } from "./Passwords.ts"

/** The session that requests the change. */
export interface RequestingSession {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** The old and the new password. */
export interface PasswordReplacement {
  readonly old: Redacted.Redacted<string>
  readonly new: Redacted.Redacted<string>
}

/** Changes the password of a user who knows the current one. */
export class PasswordChanges extends Context.Service<
  PasswordChanges,
  {
    /**
     * Ends every session of the user and, in the same transaction, opens a new one that takes over the push tokens of the
     * requesting session. Sends the user a notice. Returns the tokens of the new session.
     */
    readonly change: (
      current: RequestingSession,
      passwords: PasswordReplacement
    ) => Effect.Effect<Tokens, IncorrectPassword | PasswordRejected | TokenInvalid | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/accounts/PasswordChanges") {
  static readonly layerNoDeps = Layer.effect(
    PasswordChanges,
    Effect.gen(function* () {
      const repo = yield* AccountsRepo
      const storage = yield* Storage.Storage
      const policy = yield* PasswordPolicy
      const passwords = yield* Passwords
      const changes = yield* Changes
      const tokens = yield* OneTimeTokensRepo
      const sessionChanges = yield* SessionChanges
      const sessionTokens = yield* SessionTokens
      const limits = yield* Limits
      const refusals = yield* CredentialRefusals
      const notices = yield* SecurityNotices

      const refuse = Effect.fnUntraced(function* (userId: UserId, remaining: Duration.Duration) {
        const { ip } = yield* CurrentOrigin
        yield* refusals.record({ event: "current_password_refused", reason: "wrong_password", ip, userId })
        return yield* new PasswordRefused({ remaining })
      })

      // Replaces the password only if the account still has the hash that was checked.
      const replace = (current: RequestingSession, from: string, to: string) =>
        changes.change(
          current.userId,
          Effect.gen(function* () {
            const { sessionId, userId } = current
            const isReplaced = yield* repo.replacePassword(userId, from, to)
            if (!isReplaced) return yield* new CredentialsChanged()
            // Whoever knew the old password may have requested it. A reset stays possible: only the owner of the mailbox can
            // have its token, and a stranger who knows the password must not be able to prevent it.
            yield* tokens.remove(userId, ["email_change"])
            const { events, session, sessions } = yield* sessionChanges.replaceAll(
              userId,
              sessionId,
              "password_changed"
            )
            return {
              result: session,
              events: [new UserPasswordChanged({ userId }), ...events],
              audit: [{ userId, action: "user.password_changed", details: { endedSessions: sessions.length } }],
              mails: yield* notices.compose(userId, "password_changed")
            }
          })
        )

      const find = Effect.fnUntraced(function* (userId: UserId) {
        const found = yield* storage.read(repo.owner(userId))
        return Option.isSome(found) ? found.value : yield* new TokenInvalid()
      })
      type Owner = Effect.Success<ReturnType<typeof find>>

      const checkPolicy = Effect.fnUntraced(function* (owner: Owner, replacement: PasswordReplacement) {
        const attributes = [owner.email, owner.username, owner.firstName, owner.lastName]
        const problems = yield* policy.problems(replacement.new, attributes)
        if (Array.isReadonlyArrayNonEmpty(problems)) {
          return yield* new PasswordRejected({ field: "newPassword", problems })
        }
      })

      const check = Effect.fnUntraced(function* (
        current: RequestingSession,
        owner: Owner,
        replacement: PasswordReplacement
      ) {
        const { matches, remaining } = yield* passwords.verify(replacement.old, Option.some(owner.passwordHash))
        if (!matches) return yield* refuse(current.userId, remaining)
        const hash = yield* passwords.hash(replacement.new)
        return yield* sessionTokens.issue(yield* replace(current, owner.passwordHash, hash))
      })

      const attempt = Effect.fnUntraced(function* (current: RequestingSession, replacement: PasswordReplacement) {
        const owner = yield* find(current.userId)
        // The new password is checked first, so that a rejected one costs no hash, and outside `withPlace`, because the
        // strength estimate has its own queue.
        yield* checkPolicy(owner, replacement)
        return yield* check(current, owner, replacement).pipe(
          // Another request replaced the hash during the check: check the old password against the new hash.
          Effect.catchTag("CredentialsChanged", () =>
            Effect.flatMap(find(current.userId), (changed) => check(current, changed, replacement)).pipe(
              Effect.retry({ while: (error) => error._tag === "CredentialsChanged", times: 2 })
            )
          ),
          Effect.catchTag(["CredentialsChanged", "UserNotFound"], () => Effect.fail(new TokenInvalid())),
          passwords.withPlace
        )
      })

      const change = Effect.fn("PasswordChanges.change")(
        (current: RequestingSession, replacement: PasswordReplacement) =>
          attempt(current, replacement).pipe(
            limits.guard([{ limit: "changePassword", key: current.userId }]),
            // Outside `withPlace`: a refusal gives its place back before it sleeps.
            Effect.catchTag("PasswordRefused", ({ remaining }) =>
              Effect.andThen(Effect.sleep(remaining), Effect.fail(new IncorrectPassword({ field: "oldPassword" })))
            )
          )
      )

      return { change }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      AccountsRepo.layer,
      PasswordPolicy.layer,
      Passwords.layer,
      Changes.layer,
      OneTimeTokensRepo.layer,
      SessionChanges.layer,
      SessionTokens.layer,
      SecurityNotices.layer,
      Limits.layer
    ])
  )
}
