import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { EmailInput, LoginEmailInput, PasswordInput, TokenInput } from "../Input.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { HashesPassword } from "./RouteFacts.ts"
import { NewPasswordField, Validation } from "./Validation.ts"

const tokenExample = "9kWq3zT0bq5m1nZ5yQ8f2cXh7VJr4uLd6sPaGtEoIwM"

const OneTimeToken = TokenInput.annotateKey({
  description: "The token from the mail. It can be used once, for an hour, and until a newer one of its kind is sent."
})

export const PasswordResetInput = Schema.Struct({ email: LoginEmailInput }).annotate({
  identifier: "PasswordResetInput",
  description: "The e-mail address of the account, in any spelling."
})

export const ConfirmPasswordResetInput = Schema.Struct({ token: OneTimeToken, new_password: PasswordInput }).annotate({
  identifier: "ConfirmPasswordResetInput",
  description: "A token for a password reset, and the password to set."
})

export const ConfirmEmailInput = Schema.Struct({ token: OneTimeToken }).annotate({
  identifier: "ConfirmEmailInput",
  description: "A token that verifies an e-mail address."
})

export const ChangeEmailInput = Schema.Struct({ new_email: EmailInput, password: PasswordInput }).annotate({
  identifier: "ChangeEmailInput",
  description: "The new e-mail address, and the current password."
})

const Empty = Schema.Record(Schema.String, Schema.Never).annotate({ examples: [{}] })

const acceptance = (message: string) => success(message, Empty).pipe(HttpApiSchema.status(202))

const requestFailures = [Failures.RateLimited, Failures.ServiceUnavailable] as const
const confirmFailures = [Failures.OneTimeTokenInvalid, ...requestFailures] as const

const limits =
  "A mailbox gets at most three mails an hour by these requests; further ones are accepted, but send nothing. The mail of " +
  "a registration is not counted."

/** Password reset, and verification and change of the e-mail address, each by a one-time token that is sent by mail. */
export class RecoveryApi extends HttpApiGroup.make("recovery")
  .add(
    HttpApiEndpoint.post("requestPasswordReset", "/password-reset/", {
      payload: PasswordResetInput,
      success: acceptance("If an account has this email address, a link to reset its password will be sent to it"),
      error: requestFailures
    }).annotateMerge(
      describeOperation({
        id: "requestPasswordReset",
        summary: "Request a password reset",
        description:
          "Sends a token to the address if an active account has it. The response and its time are the same whether an " +
          `account has it or not. ${limits}`,
        example: { email: "ada@example.com" }
      })
    ),
    HttpApiEndpoint.post("confirmPasswordReset", "/password-reset/confirm/", {
      payload: ConfirmPasswordResetInput,
      success: success("Password reset successfully", Empty),
      error: [Failures.PasswordRejected, ...confirmFailures]
    })
      .annotate(HashesPassword, true)
      .annotate(NewPasswordField, "new_password")
      .annotateMerge(
        describeOperation({
          id: "confirmPasswordReset",
          summary: "Reset the password",
          description:
            "Sets the password, verifies the e-mail address, and ends every session and every other one-time token of the " +
            "account. The first reset of an account whose address was never verified also removes its phone number and " +
            "push tokens, and hides the client addresses, user agents and device names of what was done before it from the " +
            "export of the account. A rejected password does not use up the token.",
          example: { token: tokenExample, new_password: "an analytical engine weaves patterns" }
        })
      ),
    HttpApiEndpoint.post("requestEmailVerification", "/verify-email/", {
      success: acceptance("If your email address is not verified yet, a link to verify it will be sent to it"),
      error: [...requestFailures, Failures.TokenInvalid]
    })
      .annotateMerge(
        describeOperation({
          id: "requestEmailVerification",
          summary: "Request a verification of the e-mail address",
          description:
            "Sends a token to the user's address, as registration does by itself. Sends nothing if the address is verified, " +
            `unless mail to it bounced: then a new verification makes it usable again. ${limits}`
        })
      )
      .middleware(Authentication),
    HttpApiEndpoint.post("confirmEmailVerification", "/verify-email/confirm/", {
      payload: ConfirmEmailInput,
      success: success("Email verified successfully", Empty),
      error: confirmFailures
    }).annotateMerge(
      describeOperation({
        id: "confirmEmailVerification",
        summary: "Verify the e-mail address",
        description: "Marks the address as verified, and as usable again if mail to it bounced.",
        example: { token: tokenExample }
      })
    ),
    HttpApiEndpoint.post("requestEmailChange", "/change-email/", {
      payload: ChangeEmailInput,
      success: acceptance("A link to confirm the change will be sent to the new email address"),
      error: [Failures.IncorrectPassword, ...requestFailures, Failures.TokenInvalid]
    })
      .annotate(HashesPassword, true)
      .annotateMerge(
        describeOperation({
          id: "requestEmailChange",
          summary: "Request a change of the e-mail address",
          description:
            "Sends a token to the new address and a notice to the old one. Sends nothing if an account has the new address. The " +
            "response is the same, but the user's own notifications list the mails that were sent. A newer request replaces an " +
            `older one, even if it sends nothing. ${limits} Attempts also count as password changes.`,
          example: { new_email: "ada.lovelace@example.com", password: "correct horse battery staple" }
        })
      )
      .middleware(Authentication),
    HttpApiEndpoint.post("confirmEmailChange", "/change-email/confirm/", {
      payload: ConfirmEmailInput,
      success: success("Email changed successfully", Empty),
      error: confirmFailures
    }).annotateMerge(
      describeOperation({
        id: "confirmEmailChange",
        summary: "Change the e-mail address",
        description:
          "Replaces the address by the new one, which is verified thereby. Ends every session but the one that requested the " +
          "change, and every other one-time token of the account. A username that is the old address becomes the new one. " +
          "The token is refused if the session that requested the change has ended or expired, or if another account has the " +
          "address by now.",
        example: { token: tokenExample }
      })
    )
  )
  .middleware(Validation)
  .prefix("/api/v1/users")
  .annotateMerge(
    OpenApi.annotations({
      title: "Recovery",
      description: "Password reset, and verification and change of the e-mail address."
    })
  ) {}
