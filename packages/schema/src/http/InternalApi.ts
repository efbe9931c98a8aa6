import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ReportInput, ResolvedDelivery, ResolveInput, StatusResult } from "../Delivery.ts"
import { success } from "../Envelope.ts"
import { Failures } from "../Failures.ts"
import { Id } from "../Id.ts"
import { IntrospectInput, TokenIntrospection } from "../Introspection.ts"
import { PreferencesBody } from "../Preferences.ts"
import { LivePushToken } from "../PushToken.ts"
import { RequiredScope } from "../ServiceScopes.ts"
import { tokensExample } from "../Session.ts"
import { UserBody, userExample } from "../User.ts"
import { UsersInput } from "../UserBatch.ts"
import { documented } from "./Documented.ts"
import { MaxBody, serviceMaxBody } from "./RouteFacts.ts"
import { ServiceKey } from "./ServiceKey.ts"
import { Validation } from "./Validation.ts"

const listOf = <Item extends Schema.Codec<unknown, unknown>>(item: Item) =>
  Schema.Array(item).annotate({ examples: [Schema.resolveAnnotations(item)?.examples ?? []] })

const params = { id: Id.annotate({ description: "The id of a user." }) }
const ofUser = [Failures.UserNotFound, Failures.ServiceUnavailable] as const

/** What other services ask of users: the procedures of `UserServiceRpc`, in the same shapes, over plain HTTP. */
export class InternalApi extends HttpApiGroup.make("internal")
  .add(
    HttpApiEndpoint.post("introspectToken", "/tokens/introspect", {
      payload: IntrospectInput,
      success: success("Token introspected", TokenIntrospection),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredScope, "introspect")
      .annotateMerge(
        documented({
          id: "introspectToken",
          summary: "Introspect an access token",
          description:
            "What a live access token says (RFC 7662). Of anything else, a refresh token too, only that it is not active. " +
            "Scope: `introspect`.",
          example: { token: tokensExample.access }
        })
      ),
    HttpApiEndpoint.get("getUser", "/users/:id", {
      params,
      success: success("User retrieved successfully", UserBody),
      error: ofUser
    })
      .annotate(RequiredScope, "users")
      .annotateMerge(
        documented({
          id: "getUser",
          summary: "Read a user",
          description:
            "The account, profile and notification preferences of one user, as the user sees them. To read many, ask " +
            "`/internal/v1/users/batch` once. Scope: `users`."
        })
      ),
    HttpApiEndpoint.post("getUsers", "/users/batch", {
      payload: UsersInput,
      success: success("Users retrieved successfully", listOf(UserBody)),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredScope, "users")
      .annotateMerge(
        documented({
          id: "getUsers",
          summary: "Read many users",
          description: "Those that exist, each once, in the order they are first named. Scope: `users`.",
          example: { user_ids: [userExample.id] }
        })
      ),
    HttpApiEndpoint.get("getUserPreferences", "/users/:id/preferences", {
      params,
      success: success("Preferences retrieved successfully", PreferencesBody),
      error: ofUser
    })
      .annotate(RequiredScope, "users")
      .annotateMerge(
        documented({
          id: "getUserPreferences",
          summary: "Read a user's preferences",
          description:
            "How a user wants to be reached. To send something, ask `/internal/v1/deliveries/resolve` instead, which decides by " +
            "them. Scope: `users`."
        })
      ),
    HttpApiEndpoint.get("getUserPushTokens", "/users/:id/push-tokens", {
      params,
      success: success("Push tokens retrieved successfully", listOf(LivePushToken)),
      error: ofUser
    })
      .annotate(RequiredScope, "tokens")
      .annotateMerge(
        documented({
          id: "getUserPushTokens",
          summary: "Read a user's live push tokens",
          description: "With the tokens themselves, the last used first. Scope: `tokens`."
        })
      ),
    HttpApiEndpoint.post("resolveDeliveries", "/deliveries/resolve", {
      payload: ResolveInput,
      success: success("Deliveries resolved", listOf(ResolvedDelivery)),
      error: [Failures.DeliveryTimeOutOfReach, Failures.ServiceUnavailable]
    })
      .annotate(RequiredScope, "deliveries")
      .annotateMerge(
        documented({
          id: "resolveDeliveries",
          summary: "Ask who may be reached",
          description:
            "Decides upon each delivery, in order, and says where to send what is allowed. That is recorded: under the same " +
            "`notification_id` a user's day is charged once, however often it is asked. Scope: `deliveries`.",
          example: {
            deliveries: [
              { notification_id: "order-1729", user_id: userExample.id, channel: "push", category: "transactional" }
            ]
          }
        })
      ),
    HttpApiEndpoint.post("reportDeliveryStatus", "/deliveries/status", {
      payload: ReportInput,
      success: success("Statuses taken in", listOf(StatusResult)),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredScope, "deliveries")
      .annotateMerge(
        documented({
          id: "reportDeliveryStatus",
          summary: "Tell what became of deliveries",
          description:
            "What became of each status, in order. All are taken in or none; told again, or in another order, they come to " +
            "the same. Scope: `deliveries`.",
          example: { statuses: [{ notification_id: "order-1729", status: "delivered", channel: "push" }] }
        })
      )
  )
  .middleware(Validation)
  .middleware(ServiceKey)
  .prefix("/internal/v1")
  .annotate(MaxBody, serviceMaxBody)
  .annotateMerge(
    OpenApi.annotations({
      title: "Service side",
      description: "What gateways and senders ask of users, with a service key. The same is served as RPC at `/rpc`."
    })
  ) {}
