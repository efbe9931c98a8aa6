import { PersonName, ProfilePatch } from "@user-service/domain/Profile"
import { PreferencesPatch } from "@user-service/domain/Preferences"
import { Role } from "@user-service/domain/Role"
import { AccountPatch, PhoneNumber } from "@user-service/domain/User"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { Id } from "../../Id.ts"
import { EmailInput } from "../../Input.ts"
import { PreferencesBody, preferencesFields } from "../../Preferences.ts"
import { UserBody, userExample } from "../../User.ts"
import { UserRecordBody } from "../../UserRecord.ts"
import { decodeToDomain } from "../../WireNames.ts"
import { describeOperation } from "../OperationDescription.ts"
import { Validation } from "../Validation.ts"
import { WriteLimit } from "../WriteLimit.ts"
import { Reason, reasonExample } from "./Reason.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

const params = { id: Id.annotate({ description: "The id of a user." }) }

const StaffUserPatch = Schema.Struct({
  reason: Schema.String,
  phoneNumber: AccountPatch.fields.phoneNumber,
  firstName: ProfilePatch.fields.firstName,
  lastName: ProfilePatch.fields.lastName,
  role: Schema.optionalKey(Schema.NullOr(Role))
})

export const StaffUserInput = Schema.Struct({
  reason: Reason,
  phone_number: Schema.optionalKey(Schema.NullOr(PhoneNumber)),
  first_name: Schema.optionalKey(PersonName),
  last_name: Schema.optionalKey(PersonName),
  role: Schema.optionalKey(Schema.NullOr(Role)).annotateKey({
    description: "Null takes the role away. Only for admins."
  })
})
  .annotate({ identifier: "StaffUserInput", description: "The fields to change, and the reason." })
  .pipe(decodeToDomain(StaffUserPatch))

export const StaffPreferencesInput = Schema.Struct({ ...preferencesFields, reason: Reason })
  .annotate({ identifier: "StaffPreferencesInput", description: "The settings to change, and the reason." })
  .pipe(decodeToDomain(Schema.Struct({ ...PreferencesPatch.fields, reason: Schema.String })))

export const StaffEraseInput = Schema.Struct({
  reason: Reason,
  confirm: EmailInput.annotateKey({
    messageMissingKey: "This field is required.",
    description: "The e-mail address of the user, to prevent mistakes."
  })
}).annotate({ identifier: "StaffEraseInput", description: "The reason, and the user's e-mail address again." })

/** Users as staff see and change them. */
export class StaffUsersApi extends HttpApiGroup.make("admin-users")
  .add(
    HttpApiEndpoint.get("find", "/users/:id/", {
      params,
      success: success("User retrieved successfully", UserRecordBody),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "getUserRecord",
          summary: "Read a user as staff",
          description:
            "The user with role, sessions, push tokens, the origin of each changed setting, suppressions, limits, the newest " +
            "deliveries and audit entries, and events that are not published yet. Role: viewer."
        })
      ),
    HttpApiEndpoint.patch("update", "/users/:id/", {
      params,
      payload: StaffUserInput,
      success: success("User updated successfully", UserBody),
      error: [
        Failures.RoleTooLow,
        Failures.OwnAccountProtected,
        Failures.LastAdministrator,
        Failures.UserNotFound,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "updateUserAsStaff",
          summary: "Change a user as staff",
          description:
            "Changes the fields in the request and keeps the others. The audit log has their values before and after. Role: " +
            "support, and admin if the user has a role.",
          example: { reason: reasonExample, phone_number: null }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.patch("updatePreferences", "/users/:id/preferences/", {
      params,
      payload: StaffPreferencesInput,
      success: success("Preferences updated successfully", PreferencesBody),
      error: [
        Failures.RoleTooLow,
        Failures.PreferencesContradictory,
        Failures.UserNotFound,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(RequiredRole, "support")
      .annotateMerge(
        describeOperation({
          id: "updatePreferencesAsStaff",
          summary: "Change a user's preferences as staff",
          description:
            "Changes the settings in the request and keeps the others. The history of the preferences names the member of " +
            "staff. Role: support, and admin if the user has a role.",
          example: { reason: reasonExample, email_marketing: false }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("erase", "/users/:id/", {
      params,
      payload: StaffEraseInput,
      success: HttpApiSchema.NoContent.annotate({ description: "The user is erased." }),
      error: [
        Failures.InvalidInput,
        Failures.RoleTooLow,
        Failures.OwnAccountProtected,
        Failures.LastAdministrator,
        Failures.UserNotFound,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(RequiredRole, "admin")
      .annotateMerge(
        describeOperation({
          id: "eraseUserAsStaff",
          summary: "Erase a user as staff",
          description:
            "Erases the account as its owner could. It cannot be undone. The reason stays in the audit log, so it must not " +
            "contain personal data. Nobody can erase themselves here. Role: admin.",
          example: { reason: reasonExample, confirm: userExample.email }
        })
      )
      .middleware(WriteLimit)
  )
  .middleware(Validation)
  .middleware(StaffAuthentication)
  .prefix("/api/v1/admin")
  .annotateMerge(
    OpenApi.annotations({
      title: "Staff: users",
      description: "Users as staff see and change them. Every change requires a reason, which the audit log keeps."
    })
  ) {}
