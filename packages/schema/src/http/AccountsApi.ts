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
import { documented } from "./Documented.ts"
import { HashesPassword } from "./RouteFacts.ts"
import { NewPasswordField, Validation } from "./Validation.ts"

const notTheSame = "The two passwords do not match."

// Judged here already, so that a reserved one is told together with what else is wrong.
const NewUsername = Username.check(
  Schema.makeFilter((username: string) => !isReservedUsername(username) || usernameProblems.reserved)
)

export const RegisterInput = Schema.Struct({
  email: EmailInput,
  password: PasswordInput,
  password_confirm: Schema.optionalKey(PasswordInput),
  name: Schema.optionalKey(PersonName).annotateKey({
    description: "Split at its first space; `first_name` and `last_name` win over its parts."
  }),
  first_name: Schema.optionalKey(PersonName),
  last_name: Schema.optionalKey(PersonName),
  username: Schema.optionalKey(NewUsername).annotateKey({
    description:
      "What comes before the @ of the e-mail address, with a number behind it where that is taken or reserved, if absent. " +
      "One with an @ must be the e-mail address itself."
  }),
  phone_number: Schema.optionalKey(Schema.NullOr(PhoneNumber)),
  push_token: Schema.optionalKey(FcmToken).annotateKey({
    description: "Registered as a web token of Firebase Cloud Messaging; moved here if another user had it."
  }),
  preferences: Schema.optionalKey(
    Schema.Struct({
      email: Schema.optionalKey(Schema.Boolean),
      push: Schema.optionalKey(Schema.Boolean)
    })
  )
})
  .annotate({ description: "The account to make. An e-mail address and a password are enough." })
  .check(
    Schema.makeFilter((input) =>
      input.password_confirm === undefined || Redacted.value(input.password) === Redacted.value(input.password_confirm)
        ? undefined
        : { path: ["password_confirm"], issue: notTheSame }
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
}).annotate({ identifier: "LoginInput", description: "The credentials of an account, and what to call the device." })

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
        : { path: ["new_password_confirm"], issue: notTheSame }
    )
  )
  .annotate({ identifier: "ChangePasswordInput" })

/** A user together with the tokens of a new session. */
const UserWithTokens = Schema.Struct({ ...UserBody.fields, tokens: TokensBody }).annotate({
  identifier: "UserWithTokens",
  description: "A user together with the tokens of a new session.",
  examples: [{ ...userExample, tokens: tokensExample }]
})

const NewTokens = Schema.Struct({ tokens: TokensBody }).annotate({ examples: [{ tokens: tokensExample }] })

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
    })
      .annotate(HashesPassword, true)
      .annotate(NewPasswordField, "password")
      .annotateMerge(
        documented({
          id: "registerUser",
          summary: "Register",
          description:
            "Makes an account and logs it in. The e-mail address is trimmed, composed (NFC) and lower-cased; it must be " +
            "nobody else's in any spelling, with its domain in Unicode or in A-labels, nor may the username. A request " +
            "that is refused leaves nothing behind.",
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
        documented({
          id: "login",
          summary: "Log in",
          description:
            "Opens a session. Attempts are counted for the address of the account and for that of the caller before " +
            "the password is looked at; a good login clears the count of the account.",
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
        documented({
          id: "changePassword",
          summary: "Change the password",
          description:
            "Ends every session of the account, this one too. A new one takes its place, and its push tokens with it: " +
            "go on with the tokens of the answer.",
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
      description: "Becoming a user, proving to be one, and changing the proof."
    })
  ) {}
