import * as Storage from "@user-service/database/Storage"
import { UserEmailVerified } from "@user-service/domain/DomainEvent"
import { EmailVerificationMail } from "@user-service/domain/Mail"
import { OneTimeTokenInvalid } from "@user-service/domain/OneTimeToken"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { TokenInvalid } from "@user-service/domain/Token"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, type Redacted } from "effect"
import { KnownNetworks } from "../accounts/KnownNetworks.ts"
import { actDetails } from "../Actor.ts"
import { Changes } from "../changes/Changes.ts"
import { OneTimeTokens } from "../one-time-tokens/OneTimeTokens.ts"
import { OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { Confirmations, type ValidToken } from "./Confirmations.ts"
import { MailLimits } from "../limits/MailLimits.ts"
import { RecoveryRepo } from "./RecoveryRepo.ts"

/** Verifies that users read the mail of their addresses. Registration sends the first mail by itself. */
export class EmailVerifications extends Context.Service<
  EmailVerifications,
  {
    /**
     * Sends a token to the user's address. Does nothing if the address is verified, unless it is suppressed, or if it had enough
     * mails.
     */
    readonly request: (userId: UserId) => Effect.Effect<void, TokenInvalid | RateLimited | ServiceUnavailable>
    /** Sends the token without a limit, and returns whether it did. The caller limits it. */
    readonly sendTo: (userId: UserId) => Effect.Effect<boolean, UserNotFound | ServiceUnavailable>
    /** Verifies the address and lifts its suppression. */
    readonly confirm: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<void, OneTimeTokenInvalid | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/recovery/EmailVerifications") {
  static readonly layerNoDeps = Layer.effect(
    EmailVerifications,
    Effect.gen(function* () {
      const confirmations = yield* Confirmations
      const knownNetworks = yield* KnownNetworks
      const oneTimeTokens = yield* OneTimeTokens
      const tokens = yield* OneTimeTokensRepo
      const repo = yield* RecoveryRepo
      const changes = yield* Changes
      const storage = yield* Storage.Storage
      const mailLimits = yield* MailLimits

      const sendTo = Effect.fn("EmailVerifications.sendTo")((userId: UserId) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const { token, ...stored } = yield* oneTimeTokens.generate
            const recipient = yield* tokens.insertEmailVerification({ userId, ...stored })
            if (Option.isNone(recipient)) return { result: false, events: [], audit: [] }
            const { email, language } = recipient.value
            return {
              result: true,
              events: [],
              audit: [
                {
                  userId,
                  action: "user.email_verification_requested",
                  details: yield* actDetails(null, { sentTo: email })
                }
              ],
              mails: [new EmailVerificationMail({ userId, email, language, token, expiresAt: stored.expiresAt })]
            }
          })
        )
      )

      const request = Effect.fn("EmailVerifications.request")((userId: UserId) =>
        Effect.gen(function* () {
          const email = yield* storage.read(repo.unprovedEmail(userId))
          if (Option.isNone(email)) return
          yield* mailLimits.guardAddress(
            "verifyEmail",
            email.value
          )((isAllowed) => (isAllowed ? sendTo(userId) : Effect.succeed(false)))
        }).pipe(
          Effect.catchTag("UserNotFound", () => Effect.fail(new TokenInvalid())),
          mailLimits.guardClient
        )
      )

      const verify = (userId: UserId, consume: ValidToken["consume"]) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const now = yield* DateTime.now
            const { isVerified } = yield* consume
            yield* repo.verifyEmail(userId, now)
            yield* knownNetworks.record(userId)
            return {
              result: undefined,
              events: isVerified ? [] : [new UserEmailVerified({ userId })],
              audit: [{ userId, action: "user.email_verified" }]
            }
          })
        )

      const confirm = Effect.fn("EmailVerifications.confirm")((token: Redacted.Redacted<string>) =>
        confirmations.confirm("email_verification", token, ({ consume, holder }) =>
          Effect.catchTag(verify(holder.userId, consume), "UserNotFound", () => Effect.fail(new OneTimeTokenInvalid()))
        )
      )

      return { request, sendTo, confirm }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      Confirmations.layer,
      KnownNetworks.layer,
      OneTimeTokens.layer,
      OneTimeTokensRepo.layer,
      RecoveryRepo.layer,
      Changes.layer,
      MailLimits.layer
    ])
  )
}
