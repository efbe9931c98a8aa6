import { PersonName } from "@user-service/domain/Profile"
import { serviceActRoles } from "@user-service/domain/StaffRules"
import { PhoneNumber, Username } from "@user-service/domain/User"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Count } from "../../Count.ts"
import { success } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { Id } from "../../Id.ts"
import { EmailInput, requiredField } from "../../Input.ts"
import { UserBody, userExample } from "../../User.ts"
import { describeOperation } from "../OperationDescription.ts"
import { HashesPassword } from "../RouteFacts.ts"
import { Validation } from "../Validation.ts"
import { WriteLimit } from "../WriteLimit.ts"
import { Reason, reasonExample } from "./Reason.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

const userId = Id.annotate({ description: "The id of a user." })
const params = { id: userId }

export const ReasonInput = Schema.Struct({ reason: Reason }).annotate({
  identifier: "ReasonInput",
  description: "Why you do this."
})

export const InviteInput = Schema.Struct({
  reason: Reason,
  email: EmailInput.annotateKey(requiredField),
  username: Schema.optionalKey(Username),
  first_name: Schema.optionalKey(PersonName),
  last_name: Schema.optionalKey(PersonName),
  phone_number: Schema.optionalKey(Schema.NullOr(PhoneNumber))
}).annotate({ identifier: "InviteInput", description: "The user to create, and the reason." })

export const StaffEmailInput = Schema.Struct({
  reason: Reason,
  new_email: EmailInput.annotateKey(requiredField)
}).annotate({ identifier: "StaffEmailInput", description: "The new e-mail address, and the reason." })

const RevokedCount = Schema.Struct({ revoked_count: Count }).annotate({
  description: "The number of sessions that were ended.",
  examples: [{ revoked_count: 3 }]
})

const Empty = Schema.Record(Schema.String, Schema.Never).annotate({ examples: [{}] })

const accepted = (message: string) => success(message, Empty).pipe(HttpApiSchema.status(202))

const failures = [Failures.RoleTooLow, Failures.UserNotFound, Failures.ServiceUnavailable] as const
const stateFailures = [...failures, Failures.OwnAccountProtected, Failures.LastAdministrator] as const

const byRole = "Role: support, and admin if the user has a role."

/** What staff do to the account of a user. */
export class StaffActsApi extends HttpApiGroup.make("admin-acts")
  .add(
    HttpApiEndpoint.post("invite", "/users/", {
      payload: InviteInput,
      success: success("User created successfully", UserBody).pipe(HttpApiSchema.status(201)),
      error: [
        Failures.RoleTooLow,
        Failures.EmailTaken,
        Failures.UsernameTaken,
        Failures.UsernameNotAllowed,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(RequiredRole, serviceActRoles.invite)
      .annotate(HashesPassword, true)
      .annotateMerge(
        describeOperation({
          id: "inviteUser",
          summary: "Create a user as staff",
          description:
            "The user gets a mail with a token to set a password, which also verifies the address. Nobody types a password " +
            "for somebody else. Role: admin.",
          example: { reason: reasonExample, email: userExample.email, first_name: "Ada" }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("changeEmail", "/users/:id/change-email/", {
      params,
      payload: StaffEmailInput,
      success: accepted("The new email address has to confirm the change"),
      error: [...failures, Failures.RateLimited]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "changeEmailAsStaff",
          summary: "Start a change of address as staff",
          description:
            "The new address gets a token that makes the change, and the old one a notice. Nothing is sent if the new address " +
            `is taken or had enough mails. All sessions end when it confirms. ${byRole}`,
          example: { reason: reasonExample, new_email: "ada.lovelace@example.com" }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("disable", "/users/:id/disable/", {
      params,
      payload: ReasonInput,
      success: success("User disabled", UserBody),
      error: stateFailures
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "disableUser",
          summary: "Disable a user",
          description:
            "The user can no longer log in and gets no notifications. All sessions end, and all push tokens are deactivated. " +
            `Nobody can disable themselves or the last administrator. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("enable", "/users/:id/enable/", {
      params,
      payload: ReasonInput,
      success: success("User enabled", UserBody),
      error: stateFailures
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "enableUser",
          summary: "Enable a user",
          description: `The user can log in again. Sessions and push tokens do not come back. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("endSessions", "/users/:id/end-sessions/", {
      params,
      payload: ReasonInput,
      success: success("Sessions ended", RevokedCount),
      error: failures
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "endSessionsOfUser",
          summary: "End all sessions of a user",
          description: `The tokens of all sessions are refused from then on. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("endSession", "/users/:id/sessions/:session/", {
      params: { id: userId, session: Id.annotate({ description: "The id of a session of the user." }) },
      payload: ReasonInput,
      success: HttpApiSchema.NoContent.annotate({ description: "The session has ended." }),
      error: [...failures, Failures.SessionNotFound]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "endSessionOfUser",
          summary: "End a session of a user",
          description: `Its tokens are refused from then on, and its push tokens are deactivated. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("resetPassword", "/users/:id/password-reset/", {
      params,
      payload: ReasonInput,
      success: accepted("A link to reset the password will be sent"),
      error: [...failures, Failures.RateLimited]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "resetPasswordOfUser",
          summary: "Send a password reset to a user",
          description: `Sends a token to the user's address. A disabled account gets none. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("verifyEmail", "/users/:id/verify-email/", {
      params,
      payload: ReasonInput,
      success: accepted("A link to verify the email address will be sent"),
      error: [...failures, Failures.RateLimited]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "verifyEmailOfUser",
          summary: "Send an e-mail verification to a user",
          description:
            "Sends a token to the user's address. An address that is verified and not suppressed, and a disabled account, get " +
            `none. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("liftSuppressions", "/users/:id/suppressions/", {
      params,
      payload: ReasonInput,
      success: HttpApiSchema.NoContent.annotate({ description: "The address gets e-mails again." }),
      error: stateFailures
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "liftSuppressionsOfUser",
          summary: "Lift the suppressions of a user",
          description: `The user's address gets e-mails again, until the next hard bounce or complaint. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("removePushToken", "/users/:id/push-tokens/:token/", {
      params: { id: userId, token: Id.annotate({ description: "The id of a push token of the user." }) },
      payload: ReasonInput,
      success: HttpApiSchema.NoContent.annotate({ description: "The push token is deleted." }),
      error: [...failures, Failures.PushTokenNotFound]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "removePushTokenOfUser",
          summary: "Delete a push token of a user",
          description: `The device gets no more notifications until it registers again. ${byRole}`,
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit)
  )
  .middleware(Validation)
  .middleware(StaffAuthentication)
  .prefix("/api/v1/admin")
  .annotateMerge(
    OpenApi.annotations({
      title: "Staff: acts",
      description: "What staff do to the account of a user. Every act requires a reason, which the audit log keeps."
    })
  ) {}
