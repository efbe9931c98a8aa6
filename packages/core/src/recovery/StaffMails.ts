import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, Effect, Layer } from "effect"
import { MailLimits } from "../limits/MailLimits.ts"
import { EmailVerifications } from "./EmailVerifications.ts"
import { PasswordResetMails } from "./PasswordResetMails.ts"

/**
 * Mails with one-time tokens that staff send to a user. They count per user under the limit of such mails, in a bucket of its own: neither
 * strangers nor staff use up the mails of the other.
 */
export class StaffMails extends Context.Service<
  StaffMails,
  {
    /** Sends a token that verifies the user's address. False if it is verified and not suppressed, or the account is disabled. */
    readonly verifyEmail: (userId: UserId) => Effect.Effect<boolean, UserNotFound | RateLimited | ServiceUnavailable>
    /** Sends a token that resets the password. False if the account is disabled. */
    readonly resetPassword: (userId: UserId) => Effect.Effect<boolean, UserNotFound | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/recovery/StaffMails") {
  static readonly layerNoDeps = Layer.effect(
    StaffMails,
    Effect.gen(function* () {
      const verifications = yield* EmailVerifications
      const resets = yield* PasswordResetMails
      const mailLimits = yield* MailLimits

      const verifyEmail = Effect.fn("StaffMails.verifyEmail")((userId: UserId) =>
        mailLimits.guardStaff("verifyEmail", userId)(verifications.sendTo(userId))
      )

      const resetPassword = Effect.fn("StaffMails.resetPassword")((userId: UserId) =>
        mailLimits.guardStaff("passwordReset", userId)(resets.sendTo(userId))
      )

      return { verifyEmail, resetPassword }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([EmailVerifications.layer, PasswordResetMails.layer, MailLimits.layer])
  )
}
