import { Bio, Language, PersonName, ProfilePatch } from "@user-service/domain/Profile"
import { AccountPatch, PhoneNumber, Username } from "@user-service/domain/User"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { AvatarUrlInput, PasswordInput, TimeZoneInput } from "../Input.ts"
import { UserBody } from "../User.ts"
import { decodeToDomain } from "../WireNames.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { HashesPassword } from "./RouteFacts.ts"
import { Validation } from "./Validation.ts"
import { WriteLimit } from "./WriteLimit.ts"

const ProfileFields = Schema.Struct({
  first_name: Schema.optionalKey(PersonName),
  last_name: Schema.optionalKey(PersonName),
  avatar_url: Schema.optionalKey(Schema.NullOr(AvatarUrlInput)),
  timezone: Schema.optionalKey(TimeZoneInput),
  language: Schema.optionalKey(Language),
  bio: Schema.optionalKey(Bio)
}).pipe(decodeToDomain(ProfilePatch))

export const ProfileInput = Schema.Struct({
  username: Schema.optionalKey(Username),
  phone_number: Schema.optionalKey(Schema.NullOr(PhoneNumber)),
  profile: Schema.optionalKey(ProfileFields)
})
  .annotate({
    identifier: "ProfileInput",
    description: "The fields of the account and the profile to change. Absent fields keep their values."
  })
  .pipe(decodeToDomain(Schema.Struct({ ...AccountPatch.fields, profile: Schema.optionalKey(ProfilePatch) })))

const updateDocumentation = {
  description: "Changes the fields in the request and keeps the others.",
  example: { phone_number: null, profile: { first_name: "Ada", timezone: "Europe/London", bio: "Poetical science." } }
}

const updateOptions = {
  payload: ProfileInput,
  success: success("Profile updated successfully", UserBody),
  error: [
    Failures.UsernameTaken,
    Failures.UsernameNotAllowed,
    Failures.TokenInvalid,
    Failures.UserNotFound,
    Failures.ServiceUnavailable
  ]
} as const

export const EraseInput = Schema.Struct({ password: PasswordInput }).annotate({
  identifier: "EraseInput",
  description: "The account's password."
})

/** A user's own account and profile. PUT and PATCH are the same partial update. */
export class ProfilesApi extends HttpApiGroup.make("profiles")
  .add(
    HttpApiEndpoint.get("find", "/profile/", {
      success: success("User profile retrieved successfully", UserBody),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    }).annotateMerge(
      describeOperation({
        id: "getProfile",
        summary: "Read the profile",
        description: "The user's account, profile, notification preferences and number of active push tokens."
      })
    ),
    HttpApiEndpoint.put("replace", "/profile/", updateOptions)
      .annotateMerge(
        describeOperation({
          id: "replaceProfile",
          summary: "Update the profile, as PATCH does",
          ...updateDocumentation
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.patch("update", "/profile/", updateOptions)
      .annotateMerge(describeOperation({ id: "updateProfile", summary: "Update the profile", ...updateDocumentation }))
      .middleware(WriteLimit),
    HttpApiEndpoint.delete("erase", "/profile/", {
      payload: EraseInput,
      success: HttpApiSchema.NoContent.annotate({ description: "The account is erased." }),
      error: [
        Failures.IncorrectPassword,
        Failures.LastAdministrator,
        Failures.RateLimited,
        Failures.TokenInvalid,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(HashesPassword, true)
      .annotateMerge(
        describeOperation({
          id: "eraseAccount",
          summary: "Erase the account",
          description:
            "Deletes the account with its profile, preferences, sessions and push tokens. This cannot be undone. All tokens " +
            "are refused from then on, and the e-mail address and the username are free again. Attempts count with those to " +
            "change the password. The last administrator cannot be erased.",
          example: { password: "correct horse battery staple" }
        })
      )
  )
  .middleware(Validation)
  .middleware(Authentication)
  .prefix("/api/v1/users")
  .annotateMerge(OpenApi.annotations({ title: "Profile", description: "A user's own account and profile." })) {}
