import { Deliveries } from "@user-service/core/deliveries/Deliveries"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { Introspection } from "@user-service/core/sessions/Introspection"
import { UserNotFound } from "@user-service/domain/User"
import { statusReport } from "@user-service/schema/Delivery"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { UserIdInput } from "@user-service/schema/Input"
import { Effect, Layer, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { successText } from "../endpoints/Answers.ts"
import { deliveryRequest, introspectionBody, livePushToken, resolvedDelivery, statusResults } from "./ServiceBodies.ts"
import { narrowContext } from "../endpoints/GroupContext.ts"

const decodeUserId = Schema.decodeUnknownEffect(UserIdInput)

// A malformed id belongs to no user.
const userIdOf = ({ id }: { readonly id: string }) => Effect.mapError(decodeUserId(id), () => new UserNotFound())

const json = (message: string, data: string) =>
  HttpServerResponse.text(successText(message, data), { contentType: "application/json" })

/** {@link InternalApi}, by the same services as the RPC. */
export const InternalHttp = HttpApiBuilder.group(
  UserServiceApi,
  "internal",
  Effect.fn(function* (handlers) {
    const introspection = yield* Introspection
    const profiles = yield* Profiles
    const preferences = yield* Preferences
    const pushTokens = yield* PushTokens
    const deliveries = yield* Deliveries
    const statuses = yield* DeliveryStatuses
    return handlers
      .handle("introspectToken", ({ payload }) =>
        Effect.map(introspection.introspect(payload.token), introspectionBody)
      )
      .handleRaw("getUser", ({ params }) =>
        userIdOf(params).pipe(
          Effect.flatMap(profiles.represent),
          Effect.map((user) => json("User retrieved successfully", user))
        )
      )
      .handle("getUsers", ({ payload }) =>
        Effect.map(profiles.representMany(payload.user_ids), (users) =>
          json("Users retrieved successfully", `[${users.join(",")}]`)
        )
      )
      .handleRaw("getUserPreferences", ({ params }) =>
        userIdOf(params).pipe(
          Effect.flatMap(preferences.represent),
          Effect.map(({ value }) => json("Preferences retrieved successfully", value))
        )
      )
      .handle("getUserPushTokens", ({ params }) =>
        userIdOf(params).pipe(
          Effect.flatMap(pushTokens.live),
          Effect.map((tokens) => tokens.map(livePushToken))
        )
      )
      .handle("resolveDeliveries", ({ payload }) =>
        // Written without the schema, which would check each field of a thousand resolutions.
        Effect.map(deliveries.resolve(payload.deliveries.map(deliveryRequest)), (resolutions) =>
          json("Deliveries resolved", JSON.stringify(resolutions.map(resolvedDelivery)))
        )
      )
      .handle("reportDeliveryStatus", ({ payload }) =>
        Effect.map(statuses.report(payload.statuses.map(statusReport)), statusResults(payload.statuses))
      )
  })
).pipe(
  narrowContext(Introspection, Profiles, Preferences, PushTokens, Deliveries, DeliveryStatuses),
  Layer.provide([
    Introspection.layer,
    Profiles.layer,
    Preferences.layer,
    PushTokens.layer,
    Deliveries.layer,
    DeliveryStatuses.layer
  ])
)
