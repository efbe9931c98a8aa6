import { EmailChangeRequests } from "@user-service/core/recovery/EmailChangeRequests"
import { EmailChanges } from "@user-service/core/recovery/EmailChanges"
import { EmailVerifications } from "@user-service/core/recovery/EmailVerifications"
import { PasswordResetRequests } from "@user-service/core/recovery/PasswordResetRequests"
import { PasswordResets } from "@user-service/core/recovery/PasswordResets"
import { CurrentSession } from "@user-service/schema/http/Authentication"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"

const empty = Effect.as({})

/** {@link RecoveryApi} on the recovery services. */
export const RecoveryHttp = HttpApiBuilder.group(
  UserServiceApi,
  "recovery",
  Effect.fn(function* (handlers) {
    const resetRequests = yield* PasswordResetRequests
    const resets = yield* PasswordResets
    const verifications = yield* EmailVerifications
    const changeRequests = yield* EmailChangeRequests
    const changes = yield* EmailChanges
    return handlers.handleAll({
      requestPasswordReset: ({ payload }) => empty(resetRequests.submit(payload.email)),
      confirmPasswordReset: ({ payload }) =>
        empty(resets.confirm({ token: payload.token, newPassword: payload.new_password })),
      requestEmailVerification: () =>
        empty(Effect.flatMap(CurrentSession, ({ userId }) => verifications.request(userId))),
      confirmEmailVerification: ({ payload }) => empty(verifications.confirm(payload.token)),
      requestEmailChange: ({ payload }) =>
        empty(
          Effect.flatMap(CurrentSession, (current) =>
            changeRequests.request(current, { newEmail: payload.new_email, password: payload.password })
          )
        ),
      confirmEmailChange: ({ payload }) => empty(changes.confirm(payload.token))
    })
  })
).pipe(
  narrowContext(EmailChangeRequests, EmailChanges, EmailVerifications, PasswordResetRequests, PasswordResets),
  Layer.provide([
    EmailChangeRequests.layer,
    EmailChanges.layer,
    EmailVerifications.layer,
    PasswordResetRequests.layer,
    PasswordResets.layer
  ])
)
