import { IdempotentRegistrations } from "@user-service/core/accounts/IdempotentRegistrations"
import { Logins } from "@user-service/core/accounts/Logins"
import { NewAccounts } from "@user-service/core/accounts/NewAccounts"
import { PasswordChanges } from "@user-service/core/accounts/PasswordChanges"
import type { LoginResult } from "@user-service/core/accounts/Logins"
import { splitName } from "@user-service/domain/Profile"
import { InvalidInput } from "@user-service/schema/Failures"
import type { RegisterInput } from "@user-service/schema/http/AccountsApi"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { idempotencyKeyOf, idempotencyKeyProblems } from "@user-service/schema/http/IdempotencyKeyHeader"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { userBody } from "@user-service/schema/User"
import { Effect, Layer, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { tokensBody } from "../sessions/TokensBody.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

const loggedInBody = ({ tokens, user }: LoginResult) => ({ ...userBody(user), tokens: tokensBody(tokens) })

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

/** The idempotency key of a request, if it has one. */
const idempotencyKey = Effect.fnUntraced(function* (headers: { readonly "idempotency-key"?: string }) {
  const { "idempotency-key": value } = headers
  if (value === undefined) return undefined
  const key = idempotencyKeyOf(value)
  return Option.isSome(key) ? key.value : yield* new InvalidInput({ problems: idempotencyKeyProblems(headers) })
})

/** {@link AccountsApi} on the account services. */
export const AccountsHttp = HttpApiBuilder.group(
  UserServiceApi,
  "accounts",
  Effect.fn(function* (handlers) {
    const newAccounts = yield* NewAccounts
    const idempotentRegistrations = yield* IdempotentRegistrations
    const logins = yield* Logins
    const passwordChanges = yield* PasswordChanges
    return handlers.handleAll({
      register: ({ headers, payload }) =>
        idempotencyKey(headers).pipe(
          Effect.flatMap((key) =>
            key === undefined
              ? newAccounts.register(newAccount(payload))
              : idempotentRegistrations.register(newAccount(payload), key)
          ),
          Effect.map(loggedInBody)
        ),
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
  narrowContext(IdempotentRegistrations, Logins, NewAccounts, PasswordChanges),
  Layer.provide([IdempotentRegistrations.layer, Logins.layer, NewAccounts.layer, PasswordChanges.layer])
)
