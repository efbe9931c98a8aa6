import * as Storage from "@user-service/database/Storage"
import { UserEmailChanged, UserEmailVerified, UserUpdated } from "@user-service/domain/DomainEvent"
import type { Email } from "@user-service/domain/Email"
import { EmailChangedMail } from "@user-service/domain/Mail"
import { OneTimeTokenInvalid, OneTimeTokenPurpose } from "@user-service/domain/OneTimeToken"
import type { RateLimited } from "@user-service/domain/RateLimit"
import { isReservedUsername } from "@user-service/domain/ReservedUsernames"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type UserId, Username, usernameFromEmail, UsernameTaken } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, type Redacted, Schema } from "effect"
import { AccountsRepo, emailConstraints } from "../accounts/AccountsRepo.ts"
import { Changes } from "../changes/Changes.ts"
import { type ConsumedToken, OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { Confirmations, type ValidToken } from "./Confirmations.ts"
import { RecoveryRepo } from "./RecoveryRepo.ts"

/** Changes addresses whose owners confirm it. `EmailChangeRequests` sends the token. */
export class EmailChanges extends Context.Service<
  EmailChanges,
  {
    /**
     * Replaces and verifies the address, ends all sessions but the one that requested the change, lifts a suppression and voids
     * the user's one-time tokens in one transaction. A username that is the old address becomes the new one, or, if the new
     * one is no valid username, a name made of it. Refused if another account has the address by now, or if the session that
     * requested the change was ended.
     */
    readonly confirm: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<void, OneTimeTokenInvalid | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/recovery/EmailChanges") {
  static readonly layerNoDeps = Layer.effect(
    EmailChanges,
    Effect.gen(function* () {
      const confirmations = yield* Confirmations
      const accounts = yield* AccountsRepo
      const tokens = yield* OneTimeTokensRepo
      const repo = yield* RecoveryRepo
      const changes = yield* Changes
      const sessionChanges = yield* SessionChanges

      // A username with an `@` must be the account's own address (see `usernameProblem`).
      const usernameFor = Effect.fnUntraced(function* (username: Username, email: Email, isFirstAttempt: boolean) {
        if (!username.includes("@")) return username
        const preferred = Option.getOrElse(decodeUsername(email), () => usernameFromEmail(email))
        if (isFirstAttempt && !isReservedUsername(preferred)) return preferred
        return usernameFromEmail(email, yield* accounts.freeSuffix(usernameFromEmail(email)))
      })

      const endSessions = (userId: UserId, { sessionId }: ConsumedToken) =>
        sessionChanges.end(userId, sessionId === null ? "all" : { allBut: sessionId }, "email_changed")

      const replace = (userId: UserId, consume: ValidToken["consume"], isFirstAttempt: boolean) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const now = yield* DateTime.now
            const consumed = yield* consume
            const { currentEmail, email, isVerified, language } = consumed
            const username = yield* usernameFor(consumed.username, email, isFirstAttempt)
            yield* tokens.remove(userId, OneTimeTokenPurpose.literals)
            yield* repo.changeEmail(userId, email, username).pipe(
              Storage.onUniqueViolation(emailConstraints, () => new OneTimeTokenInvalid()),
              Storage.onUniqueViolation("users_username_key", () => new UsernameTaken())
            )
            yield* repo.verifyEmail(userId, now)
            const { events, sessions } = yield* endSessions(userId, consumed)
            const updatedFields = { email, ...(username === consumed.username ? {} : { username }) }
            return {
              result: undefined,
              events: [
                new UserEmailChanged({ userId }),
                ...(isVerified ? [] : [new UserEmailVerified({ userId })]),
                new UserUpdated({ userId, updatedFields }),
                ...events
              ],
              audit: [{ userId, action: "user.email_changed", details: { endedSessions: sessions.length } }],
              mails: [new EmailChangedMail({ userId, email: currentEmail, language })]
            }
          })
        )

      const confirm = Effect.fn("EmailChanges.confirm")((token: Redacted.Redacted<string>) =>
        confirmations.confirm("email_change", token, ({ consume, holder }) =>
          replace(holder.userId, consume, true).pipe(
            // Another request may take the free username first; then the next attempt finds another.
            Effect.catchTag("UsernameTaken", () =>
              Effect.retry(replace(holder.userId, consume, false), {
                while: (error) => error._tag === "UsernameTaken",
                times: 3
              })
            ),
            Effect.catchTag(["UserNotFound", "UsernameTaken"], () => Effect.fail(new OneTimeTokenInvalid()))
          )
        )
      )

      return { confirm }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      Confirmations.layer,
      AccountsRepo.layer,
      OneTimeTokensRepo.layer,
      RecoveryRepo.layer,
      Changes.layer,
      SessionChanges.layer
    ])
  )
}

const decodeUsername = Schema.decodeUnknownOption(Username)
