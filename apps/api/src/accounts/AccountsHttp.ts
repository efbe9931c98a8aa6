import { Logins } from "@user-service/core/accounts/Logins"
import { NewAccounts } from "@user-service/core/accounts/NewAccounts"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import type { LoggedIn } from "@user-service/core/accounts/Logins"
import { splitName } from "@user-service/domain/Profile"
import type { RegisterInput } from "@user-service/schema/http/AccountsApi"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { userBody } from "@user-service/schema/User"
import { Effect, Layer, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { tokensBody } from "../sessions/TokensBody.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

const loggedInBody = ({ tokens, user }: LoggedIn) => ({ ...userBody(user), tokens: tokensBody(tokens) })

// `first_name` and `last_name` override the parts of `name`.
const newAccount = (input: typeof RegisterInput.Type) => {
  const nameParts = splitName(input.name ?? "")
  return {
    email: input.email,
    password: input.password,
    firstName: input.first_name ?? nameParts.firstName,
    lastName: input.last_name ?? nameParts.lastName,
    username: Option.fromUndefinedOr(input.username),
    phoneNumber: input.phone_number ?? null,
    pushToken: Option.fromUndefinedOr(input.push_token),
    emailEnabled: input.preferences?.email ?? true,
    pushEnabled: input.preferences?.push ?? true
  }
}

/** {@link AccountsApi} on the account services. */
export const AccountsHttp = HttpApiBuilder.group(
  UserServiceApi,
  "accounts",
  Effect.fn(function* (handlers) {
    const newAccounts = yield* NewAccounts
    const logins = yield* Logins
    const passwordChanges = yield* PasswordChanges
    return handlers.handleAll({
      register: ({ payload }) => Effect.map(newAccounts.register(newAccount(payload)), loggedInBody),
      login: ({ payload }) =>
        Effect.map(
          logins.login({ email: payload.email, password: payload.password, deviceName: payload.device_name ?? "" }),
          loggedInBody
        ),
      changePassword: ({ payload }) =>
        CurrentSession.pipe(
          Effect.flatMap((current) =>
            passwordChanges.change(current, { old: payload.old_password, new: payload.new_password })
          ),
          Effect.map((tokens) => ({ tokens: tokensBody(tokens) }))
        )
    })
  })
).pipe(
  narrowContext(Logins, NewAccounts, PasswordChanges),
  Layer.provide([Logins.layer, NewAccounts.layer, PasswordChanges.layer])
)
