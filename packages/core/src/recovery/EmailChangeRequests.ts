import * as Storage from "@user-service/database/Storage"
import type { Email } from "@user-service/domain/Email"
import { EmailChangeMail, EmailChangeRequestedMail } from "@user-service/domain/Mail"
import { IncorrectPassword } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { TokenInvalid } from "@user-service/domain/Token"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, type Duration, Effect, Layer, Option, type Redacted } from "effect"
import { AccountsRepo } from "../accounts/AccountsRepo.ts"
import type { RequestingSession } from "../accounts/PasswordChanges.ts"
import { CredentialsChanged, PasswordRefused, Passwords } from "../accounts/Passwords.ts"
import { actDetails } from "../Actor.ts"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { OneTimeTokens } from "../one-time-tokens/OneTimeTokens.ts"
import { OneTimeTokensRepo, type RequestedEmail } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { CurrentOrigin } from "../Origin.ts"
import { MailLimits } from "../limits/MailLimits.ts"

/** The address that a user wants, and their password. */
export interface EmailChangeRequest {
  readonly newEmail: Email
  readonly password: Redacted.Redacted<string>
}

/** Takes requests for a change of address. `EmailChanges` makes the change when the new address confirms it. */
export class EmailChangeRequests extends Context.Service<
  EmailChangeRequests,
  {
    /**
     * Sends a token to the new address, and a notice to the account's address. Sends nothing if the new address is taken, is the
     * account's own, or had enough mails. The outcome is the same, but the user's notifications show whether mails were written.
     * Once the password is right, voids the token of an older request in any case. The password check counts as a password change, and
     * the requests of a user for one address are limited, taken or free.
     */
    readonly request: (
      current: RequestingSession,
      change: EmailChangeRequest
    ) => Effect.Effect<void, IncorrectPassword | TokenInvalid | RateLimited | ServiceUnavailable>
    /** The same for a member of staff, who need not know the password. All sessions end when the new address confirms. */
    readonly requestByStaff: (
      userId: UserId,
      newEmail: Email
    ) => Effect.Effect<void, UserNotFound | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/recovery/EmailChangeRequests") {
  static readonly layerNoDeps = Layer.effect(
    EmailChangeRequests,
    Effect.gen(function* () {
      const accounts = yield* AccountsRepo
      const storage = yield* Storage.Storage
      const passwords = yield* Passwords
      const oneTimeTokens = yield* OneTimeTokens
      const tokens = yield* OneTimeTokensRepo
      const changes = yield* Changes
      const limits = yield* Limits
      const mailLimits = yield* MailLimits
      const refusals = yield* CredentialRefusals

      const refuse = Effect.fnUntraced(function* (userId: UserId, remaining: Duration.Duration) {
        const { ip } = yield* CurrentOrigin
        yield* refusals.record({ event: "current_password_refused", reason: "wrong_password", ip, userId })
        return yield* new PasswordRefused({ remaining })
      })

      const hashOf = Effect.fnUntraced(function* (userId: UserId) {
        const owner = yield* storage.read(accounts.owner(userId))
        return Option.isSome(owner) ? owner.value.passwordHash : yield* new UserNotFound()
      })

      // Returns the hash that the password matches.
      const checkPassword = Effect.fnUntraced(function* (userId: UserId, password: Redacted.Redacted<string>) {
        const passwordHash = yield* hashOf(userId)
        const { matches, remaining } = yield* passwords.verify(password, Option.some(passwordHash))
        return matches ? passwordHash : yield* refuse(userId, remaining)
      })

      // Removes the token of an older request, which this one replaces even if it sends nothing, and returns the address. Fails if
      // the password was changed after its check.
      const supersede = Effect.fnUntraced(function* (userId: UserId, checkedHash: string) {
        const email = yield* tokens.removeEmailChange(userId, checkedHash)
        return Option.isSome(email) ? email.value : yield* new CredentialsChanged()
      })

      // A request that sends nothing leaves no trace of the new address, which may be that of another user.
      const auditOf = (userId: UserId, before: Email, after: Email | null) =>
        Effect.map(actDetails({ email: before }, after === null ? null : { email: after }), (details) => [
          { userId, action: "user.email_change_requested", details }
        ])

      const sendNothing = (userId: UserId, checkedHash: string) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const email = yield* supersede(userId, checkedHash)
            return { result: false, events: [], audit: yield* auditOf(userId, email, null) }
          })
        )

      // Returns whether mails were written.
      const send = (userId: UserId, requested: RequestedEmail) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const oldEmail = yield* supersede(userId, requested.checkedHash)
            const { token, ...stored } = yield* oneTimeTokens.generate
            const recipient = yield* tokens.insertEmailChange({ userId, ...stored }, requested)
            if (Option.isNone(recipient)) {
              return { result: false, events: [], audit: yield* auditOf(userId, oldEmail, null) }
            }
            const { currentEmail, email, language } = recipient.value
            return {
              result: true,
              events: [],
              audit: yield* auditOf(userId, currentEmail, email),
              mails: [
                new EmailChangeMail({ userId, email, language, token, expiresAt: stored.expiresAt }),
                new EmailChangeRequestedMail({ userId, email: currentEmail, language })
              ]
            }
          })
        )

      const apply = Effect.fnUntraced(function* (userId: UserId, requested: RequestedEmail) {
        const { checkedHash, newEmail } = requested
        // Looked up before the mail is counted, so that requests in progress take no mail from the owner of a taken address.
        const isAvailable = yield* storage.read(tokens.isEmailAvailable(userId, newEmail))
        if (!isAvailable) return yield* Effect.asVoid(sendNothing(userId, checkedHash))
        yield* mailLimits.guardAddress(
          "verifyEmail",
          newEmail
        )((isAllowed) => (isAllowed ? send(userId, requested) : sendNothing(userId, checkedHash)))
      })

      const attempt = ({ sessionId, userId }: RequestingSession, { newEmail, password }: EmailChangeRequest) =>
        passwords.withPlace(checkPassword(userId, password)).pipe(
          Effect.flatMap((checkedHash) => apply(userId, { newEmail, sessionId, checkedHash })),
          // The hash was replaced during the check: check again.
          Effect.retry({ while: (error) => error._tag === "CredentialsChanged", times: 3 }),
          Effect.catchTag(["CredentialsChanged", "UserNotFound"], () => Effect.fail(new TokenInvalid()))
        )

      const request = Effect.fn("EmailChangeRequests.request")(
        (current: RequestingSession, change: EmailChangeRequest) =>
          attempt(current, change).pipe(
            mailLimits.guardChange(current.userId, change.newEmail, [PasswordRefused]),
            limits.guard([{ limit: "changePassword", key: current.userId }]),
            mailLimits.guardClient,
            // Outside `withPlace`: a refusal gives its place back before it sleeps.
            Effect.catchTag("PasswordRefused", ({ remaining }) =>
              Effect.andThen(Effect.sleep(remaining), Effect.fail(new IncorrectPassword({ field: "password" })))
            )
          )
      )

      const requestByStaff = Effect.fn("EmailChangeRequests.requestByStaff")((userId: UserId, newEmail: Email) =>
        Effect.flatMap(hashOf(userId), (checkedHash) => apply(userId, { newEmail, sessionId: null, checkedHash })).pipe(
          // The user changed the password in between.
          Effect.retry({ while: (error) => error._tag === "CredentialsChanged", times: 3 }),
          Effect.catchTag("CredentialsChanged", () => Effect.fail(new UserNotFound())),
          mailLimits.guardChange(userId, newEmail, [])
        )
      )

      return { request, requestByStaff }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      AccountsRepo.layer,
      Passwords.layer,
      OneTimeTokens.layer,
      OneTimeTokensRepo.layer,
      Changes.layer,
      Limits.layer,
      MailLimits.layer
    ])
  )
}
