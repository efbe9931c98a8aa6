import { FcmToken } from "@user-service/domain/DeviceTokenForm"
import { isReservedUsername } from "@user-service/domain/ReservedUsernames"
import { PhoneNumber, Username, usernameProblem, usernameProblems } from "@user-service/domain/User"
import { DeviceLabel } from "@user-service/domain/PushToken"
import { PersonName } from "@user-service/domain/Profile"
import { Redacted, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { EmailInput, LoginEmailInput, PasswordInput } from "../Input.ts"
import { TokensBody, tokensExample } from "../Session.ts"
import { UserBody, userExample } from "../User.ts"
import { Authentication } from "./Authentication.ts"
import { describeOperation } from "./OperationDescription.ts"
import { idempotencyKeyHeader, idempotencyKeyProblems } from "./IdempotencyKeyHeader.ts"
import { HashesPassword } from "./RouteFacts.ts"
import { HeaderProblems, NewPasswordField, Validation } from "./Validation.ts"

const passwordMismatch = "The two passwords do not match."

// Checked in the schema, so that a reserved username is reported together with the other problems.
const NewUsername = Username.check(
  Schema.makeFilter((username: string) => !isReservedUsername(username) || usernameProblems.reserved)
)

export const RegisterInput = Schema.Struct({
  email: EmailInput,
  password: PasswordInput,
  password_confirm: Schema.optionalKey(PasswordInput),
  name: Schema.optionalKey(PersonName).annotateKey({
    description: "Split at the first space. `first_name` and `last_name` override its parts."
  }),
  first_name: Schema.optionalKey(PersonName),
  last_name: Schema.optionalKey(PersonName),
  username: Schema.optionalKey(NewUsername).annotateKey({
    description:
      "Defaults to the local part of the e-mail address, followed by a number if that is taken or reserved. A username " +
      "with an @ must equal the e-mail address."
  }),
  phone_number: Schema.optionalKey(Schema.NullOr(PhoneNumber)),
  push_token: Schema.optionalKey(FcmToken).annotateKey({
    description:
      "Registered as a web token of Firebase Cloud Messaging. If another user has it, it moves to the new user."
  }),
  preferences: Schema.optionalKey(
    Schema.Struct({
      email: Schema.optionalKey(Schema.Boolean),
      push: Schema.optionalKey(Schema.Boolean)
    })
  )
})
  .annotate({ description: "The account to create. Only the e-mail address and the password are required." })
  .check(
    Schema.makeFilter((input) =>
      input.password_confirm === undefined || Redacted.value(input.password) === Redacted.value(input.password_confirm)
        ? undefined
        : { path: ["password_confirm"], issue: passwordMismatch }
    ),
    Schema.makeFilter(({ email, username }) => {
      const problem = username === undefined ? undefined : usernameProblem(username, email)
      return problem && { path: ["username"], issue: usernameProblems[problem] }
    })
  )
  .annotate({ identifier: "RegisterInput" })

export const LoginInput = Schema.Struct({
  email: LoginEmailInput,
  password: PasswordInput,
  device_name: Schema.optionalKey(DeviceLabel)
}).annotate({ identifier: "LoginInput", description: "The credentials of an account, and a name for the device." })

export const ChangePasswordInput = Schema.Struct({
  old_password: PasswordInput,
  new_password: PasswordInput,
  new_password_confirm: PasswordInput
})
  .annotate({ description: "The current password, and the new one twice." })
  .check(
    Schema.makeFilter((input) =>
      Redacted.value(input.new_password) === Redacted.value(input.new_password_confirm)
        ? undefined
        : { path: ["new_password_confirm"], issue: passwordMismatch }
    )
  )
  .annotate({ identifier: "ChangePasswordInput" })

const UserWithTokens = Schema.Struct({ ...UserBody.fields, tokens: TokensBody }).annotate({
  identifier: "UserWithTokens",
  description: "A user, and the tokens of a new session.",
  examples: [{ ...userExample, tokens: tokensExample }]
})

const NewTokens = Schema.Struct({ tokens: TokensBody }).annotate({ examples: [{ tokens: tokensExample }] })

/** Registration, login and password change. */
export class AccountsApi extends HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.post("register", "/register/", {
      headers: idempotencyKeyHeader,
      payload: RegisterInput,
      success: success("User registered successfully", UserWithTokens).pipe(HttpApiSchema.status(201)),
      error: [
        Failures.EmailTaken,
        Failures.IdempotencyKeyReused,
        Failures.IdempotentRequestInProgress,
        Failures.InvalidInput,
        Failures.RegistrationOutdated,
        Failures.UsernameTaken,
        Failures.PasswordRejected,
        Failures.RateLimited,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(HashesPassword, true)
      .annotate(NewPasswordField, "password")
      .annotate(HeaderProblems, idempotencyKeyProblems)
      .annotateMerge(
        describeOperation({
          id: "registerUser",
          summary: "Register",
          description:
            "Creates an account and opens a session. The e-mail address is trimmed, normalised to NFC and lower-cased. No " +
            "other account may have the username, or the address in any spelling, with its domain in Unicode or in " +
            "A-labels. A refused request changes nothing.\n\n" +
            "With an `Idempotency-Key`, a request can be repeated for 24 hours. A repetition with the same body returns the " +
            "same user and the tokens of a new session, as long as the password is that of the registration and the account " +
            "is active, and 409 otherwise. Only the outcome of a successful registration is stored, and no token.",
          example: {
            email: "ada@example.com",
            password: "correct horse battery staple",
            name: "Ada Lovelace",
            phone_number: "+44 20 7946 0000",
            preferences: { email: true, push: false }
          }
        })
      ),
    HttpApiEndpoint.post("login", "/login/", {
      payload: LoginInput,
      success: success("Login successful", UserWithTokens),
      error: [Failures.InvalidCredentials, Failures.RateLimited, Failures.ServiceUnavailable]
    })
      .annotate(HashesPassword, true)
      .annotateMerge(
        describeOperation({
          id: "login",
          summary: "Log in",
          description:
            "Opens a session. Attempts are counted per e-mail address and per client address before the password is " +
            "checked. A successful login resets the count of the e-mail address. After 100 failed logins in a row, client " +
            "addresses from which the account has not logged in within 30 days have one attempt an hour together, until a " +
            "login from a known address or a password reset. A login from an unknown network sends the user a notice.",
          example: {
            email: "ada@example.com",
            password: "correct horse battery staple",
            device_name: "Ada's phone"
          }
        })
      ),
    HttpApiEndpoint.post("changePassword", "/change-password/", {
      payload: ChangePasswordInput,
      success: success("Password changed successfully", NewTokens),
      error: [
        Failures.IncorrectPassword,
        Failures.PasswordRejected,
        Failures.RateLimited,
        Failures.TokenInvalid,
        Failures.ServiceUnavailable
      ]
    })
      .annotate(HashesPassword, true)
      .annotate(NewPasswordField, "new_password")
      .annotateMerge(
        describeOperation({
          id: "changePassword",
          summary: "Change the password",
          description:
            "Ends every session of the account, including this one. The response has the tokens of a new session, which " +
            "takes over the push tokens of this one.",
          example: {
            old_password: "correct horse battery staple",
            new_password: "an analytical engine weaves patterns",
            new_password_confirm: "an analytical engine weaves patterns"
          }
        })
      )
      .middleware(Authentication)
  )
  .middleware(Validation)
  .prefix("/api/v1/users")
  .annotateMerge(
    OpenApi.annotations({
      title: "Accounts",
      description: "Registration, login and password change."
    })
  ) {}
