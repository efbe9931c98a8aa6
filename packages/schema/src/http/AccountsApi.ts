import { PhoneNumber, Username } from "@user-service/domain/User"
import { DeviceLabel, DeviceToken } from "@user-service/domain/PushToken"
import { PersonName } from "@user-service/domain/Profile"
import { Redacted, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { EmailInput, PasswordInput } from "../Input.ts"
import { TokensBody } from "../Session.ts"
import { UserBody } from "../User.ts"
import { Authentication } from "./Authentication.ts"
import { NewPasswordField, Validation } from "./Validation.ts"

const notTheSame = "The two passwords do not match."

export const RegisterInput = Schema.Struct({
  email: EmailInput,
  password: PasswordInput,
  password_confirm: Schema.optionalKey(PasswordInput),
  /** Split at its first space; `first_name` and `last_name` win over it. */
  name: Schema.optionalKey(PersonName),
  first_name: Schema.optionalKey(PersonName),
  last_name: Schema.optionalKey(PersonName),
  username: Schema.optionalKey(Username),
  phone_number: Schema.optionalKey(Schema.NullOr(PhoneNumber)),
  /** Registered as a web token of Firebase Cloud Messaging. */
  push_token: Schema.optionalKey(DeviceToken),
  preferences: Schema.optionalKey(
    Schema.Struct({
      email: Schema.optionalKey(Schema.Boolean),
      push: Schema.optionalKey(Schema.Boolean)
    })
  )
})
  .check(
    Schema.makeFilter((input) =>
      input.password_confirm === undefined || Redacted.value(input.password) === Redacted.value(input.password_confirm)
        ? undefined
        : { path: ["password_confirm"], issue: notTheSame }
    )
  )
  .annotate({ identifier: "RegisterInput" })

export const LoginInput = Schema.Struct({
  email: EmailInput,
  password: PasswordInput,
  device_name: Schema.optionalKey(DeviceLabel)
}).annotate({ identifier: "LoginInput" })

export const ChangePasswordInput = Schema.Struct({
  old_password: PasswordInput,
  new_password: PasswordInput,
  new_password_confirm: PasswordInput
})
  .check(
    Schema.makeFilter((input) =>
      Redacted.value(input.new_password) === Redacted.value(input.new_password_confirm)
        ? undefined
        : { path: ["new_password_confirm"], issue: notTheSame }
    )
  )
  .annotate({ identifier: "ChangePasswordInput" })

/** A user together with the tokens of a new session. */
export const UserWithTokens = Schema.Struct({ ...UserBody.fields, tokens: TokensBody }).annotate({
  identifier: "UserWithTokens"
})

/** Becoming a user, proving to be one, and changing the proof. */
export class AccountsApi extends HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.post("register", "/register/", {
      payload: RegisterInput,
      success: success("User registered successfully", UserWithTokens).pipe(HttpApiSchema.status(201)),
      error: [
        Failures.EmailTaken,
        Failures.UsernameTaken,
        Failures.PasswordRejected,
        Failures.RateLimited,
        Failures.ServiceUnavailable
      ]
    }).annotate(NewPasswordField, "password"),
    HttpApiEndpoint.post("login", "/login/", {
      payload: LoginInput,
      success: success("Login successful", UserWithTokens),
      error: [Failures.InvalidCredentials, Failures.RateLimited, Failures.ServiceUnavailable]
    }),
    HttpApiEndpoint.post("changePassword", "/change-password/", {
      payload: ChangePasswordInput,
      success: success("Password changed successfully", Schema.Struct({ tokens: TokensBody })),
      error: [
        Failures.IncorrectPassword,
        Failures.PasswordRejected,
        Failures.RateLimited,
        Failures.TokenInvalid,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(NewPasswordField, "new_password")
      .middleware(Authentication)
  )
  .middleware(Validation)
  .prefix("/api/v1/users") {}
