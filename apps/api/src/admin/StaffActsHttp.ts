import { Profiles } from "@user-service/core/profiles/Profiles"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { EmailChangeRequests } from "@user-service/core/recovery/EmailChangeRequests"
import { StaffMails } from "@user-service/core/recovery/StaffMails"
import { Sessions } from "@user-service/core/sessions/Sessions"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { Invitations } from "@user-service/core/staff/Invitations"
import { Suppressions } from "@user-service/core/staff/Suppressions"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { userBody } from "@user-service/schema/User"
import { Effect, Layer, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { actOn, asStaff, userOf } from "./StaffActs.ts"

/** {@link StaffActsApi} on the services of accounts, sessions and mails. */
export const StaffActsHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-acts",
  Effect.fn(function* (handlers) {
    const states = yield* AccountStates
    const emailChanges = yield* EmailChangeRequests
    const invitations = yield* Invitations
    const mails = yield* StaffMails
    const profiles = yield* Profiles
    const pushTokens = yield* PushTokens
    const sessions = yield* Sessions
    const suppressions = yield* Suppressions
    const accepted = Effect.as({})
    const bodyOf = (params: { readonly id: string }) =>
      Effect.map(Effect.flatMap(userOf(params), profiles.find), userBody)
    return handlers.handleAll({
      invite: ({ payload: { email, reason, username, ...names } }) =>
        invitations
          .invite({
            email,
            username: Option.fromUndefinedOr(username),
            firstName: names.first_name ?? "",
            lastName: names.last_name ?? "",
            phoneNumber: names.phone_number ?? null
          })
          .pipe(
            asStaff(reason),
            Effect.flatMap(profiles.find),
            // An administrator may erase the user before this answer.
            Effect.catchTag("UserNotFound", Effect.die),
            Effect.map(userBody)
          ),
      changeEmail: ({ params, payload: { new_email: newEmail, reason } }) =>
        accepted(actOn(params, reason, (userId) => emailChanges.requestByStaff(userId, newEmail))),
      disable: ({ params, payload: { reason } }) =>
        Effect.andThen(actOn(params, reason, states.disable), bodyOf(params)),
      enable: ({ params, payload: { reason } }) => Effect.andThen(actOn(params, reason, states.enable), bodyOf(params)),
      endSessions: ({ params, payload: { reason } }) =>
        actOn(params, reason, (userId) =>
          // An unknown user has no sessions to end, which must not look like a success.
          Effect.andThen(profiles.find(userId), sessions.logoutAll(userId, "admin"))
        ).pipe(Effect.map((count) => ({ revoked_count: count }))),
      endSession: ({ params, payload: { reason } }) =>
        actOn(params, reason, (userId) => sessions.revoke(userId, params.session, "admin")),
      resetPassword: ({ params, payload: { reason } }) => accepted(actOn(params, reason, mails.resetPassword)),
      verifyEmail: ({ params, payload: { reason } }) => accepted(actOn(params, reason, mails.verifyEmail)),
      liftSuppressions: ({ params, payload: { reason } }) => Effect.asVoid(actOn(params, reason, suppressions.lift)),
      removePushToken: ({ params, payload: { reason } }) =>
        actOn(params, reason, (userId) => pushTokens.remove(userId, params.token, "admin"))
    })
  })
).pipe(
  narrowContext(
    AccountStates,
    EmailChangeRequests,
    Invitations,
    Profiles,
    PushTokens,
    Sessions,
    StaffMails,
    Suppressions
  ),
  Layer.provide([
    AccountStates.layer,
    EmailChangeRequests.layer,
    Invitations.layer,
    Profiles.layer,
    PushTokens.layer,
    Sessions.layer,
    StaffMails.layer,
    Suppressions.layer
  ])
)
