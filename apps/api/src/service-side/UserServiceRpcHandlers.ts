import { Deliveries } from "@user-service/core/deliveries/Deliveries"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { Profiles } from "@user-service/core/profiles/Profiles"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { Introspection } from "@user-service/core/sessions/Introspection"
import { statusReport } from "@user-service/schema/Delivery"
import type { PreferencesBody } from "@user-service/schema/Preferences"
import { UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import type { UserBody } from "@user-service/schema/User"
import { Context, Effect, Layer } from "effect"
import { deliveryRequest, introspectionBody, livePushToken, resolvedDelivery, statusResults } from "./ServiceBodies.ts"

// The cache holds the JSON of the plain-HTTP answers. The schema of the procedure checks each field of it.
const userOf = (text: string): typeof UserBody.Type => JSON.parse(text)
const preferencesOf = (text: string): typeof PreferencesBody.Type => JSON.parse(text)

const make = Effect.gen(function* () {
  const introspection = yield* Introspection
  const profiles = yield* Profiles
  const preferences = yield* Preferences
  const pushTokens = yield* PushTokens
  const deliveries = yield* Deliveries
  const statuses = yield* DeliveryStatuses
  return UserServiceRpc.of({
    IntrospectToken: ({ token }) => Effect.map(introspection.introspect(token), introspectionBody),
    GetUser: ({ user_id }) => Effect.map(profiles.represent(user_id), userOf),
    GetUsers: ({ user_ids }) =>
      Effect.map(profiles.representMany(user_ids), (users) => users.map((user) => userOf(user))),
    GetPreferences: ({ user_id }) => Effect.map(preferences.represent(user_id), ({ value }) => preferencesOf(value)),
    GetPushTokens: ({ user_id }) => Effect.map(pushTokens.live(user_id), (tokens) => tokens.map(livePushToken)),
    ResolveDeliveries: (payload) =>
      Effect.map(deliveries.resolve(payload.deliveries.map(deliveryRequest)), (resolutions) =>
        resolutions.map(resolvedDelivery)
      ),
    ReportDeliveryStatus: (payload) =>
      Effect.map(statuses.report(payload.statuses.map(statusReport)), statusResults(payload.statuses))
  })
})

/** {@link UserServiceRpc}, by the same services as the plain-HTTP routes. */
export const UserServiceRpcHandlers = Layer.effectContext(
  Effect.flatMap(make, (handlers) =>
    // The library merges the context of this layer into that of every call. The handlers need nothing from it, so it is empty.
    Effect.updateContext(UserServiceRpc.toHandlers(handlers), (services: Context.Context<never>) =>
      Context.pick()(services)
    )
  )
).pipe(
  Layer.provide([
    Deliveries.layer,
    DeliveryStatuses.layer,
    Introspection.layer,
    Preferences.layer,
    Profiles.layer,
    PushTokens.layer
  ])
)
