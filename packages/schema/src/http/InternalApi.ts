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
import { describeOperation } from "./OperationDescription.ts"
import { MaxBody, serviceMaxBody } from "./RouteFacts.ts"
import { ServiceKey } from "./ServiceKey.ts"
import { Validation } from "./Validation.ts"

const listOf = <Item extends Schema.Codec<unknown, unknown>>(item: Item) =>
  Schema.Array(item).annotate({ examples: [Schema.resolveAnnotations(item)?.examples ?? []] })

const params = { id: Id.annotate({ description: "The id of a user." }) }
const userFailures = [Failures.UserNotFound, Failures.ServiceUnavailable] as const

/** The procedures of `UserServiceRpc`, with the same bodies, over plain HTTP. */
export class InternalApi extends HttpApiGroup.make("internal")
  .add(
    HttpApiEndpoint.post("introspectToken", "/tokens/introspect", {
      payload: IntrospectInput,
      success: success("Token introspected", TokenIntrospection),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredScope, "introspect")
      .annotateMerge(
        describeOperation({
          id: "introspectToken",
          summary: "Introspect an access token",
          description:
            "Returns the claims of an access token of an active session (RFC 7662). Any other token, including a refresh " +
            "token, is inactive. Scope: `introspect`.",
          example: { token: tokensExample.access }
        })
      ),
    HttpApiEndpoint.get("getUser", "/users/:id", {
      params,
      success: success("User retrieved successfully", UserBody),
      error: userFailures
    })
      .annotate(RequiredScope, "users")
      .annotateMerge(
        describeOperation({
          id: "getUser",
          summary: "Read a user",
          description:
            "The account, profile and notification preferences of one user, as the user sees them. To read several users, " +
            "use `/internal/v1/users/batch`. Scope: `users`."
        })
      ),
    HttpApiEndpoint.post("getUsers", "/users/batch", {
      payload: UsersInput,
      success: success("Users retrieved successfully", listOf(UserBody)),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredScope, "users")
      .annotateMerge(
        describeOperation({
          id: "getUsers",
          summary: "Read many users",
          description: "Returns each existing user once, in the order of the request. Scope: `users`.",
          example: { user_ids: [userExample.id] }
        })
      ),
    HttpApiEndpoint.get("getUserPreferences", "/users/:id/preferences", {
      params,
      success: success("Preferences retrieved successfully", PreferencesBody),
      error: userFailures
    })
      .annotate(RequiredScope, "users")
      .annotateMerge(
        describeOperation({
          id: "getUserPreferences",
          summary: "Read a user's preferences",
          description:
            "The notification preferences of one user. To decide whether to send a notification, use " +
            "`/internal/v1/deliveries/resolve`, which applies them. Scope: `users`."
        })
      ),
    HttpApiEndpoint.get("getUserPushTokens", "/users/:id/push-tokens", {
      params,
      success: success("Push tokens retrieved successfully", listOf(LivePushToken)),
      error: userFailures
    })
      .annotate(RequiredScope, "tokens")
      .annotateMerge(
        describeOperation({
          id: "getUserPushTokens",
          summary: "Read a user's active push tokens",
          description: "Includes the tokens themselves. The most recently used is first. Scope: `tokens`."
        })
      ),
    HttpApiEndpoint.post("resolveDeliveries", "/deliveries/resolve", {
      payload: ResolveInput,
      success: success("Deliveries resolved", listOf(ResolvedDelivery)),
      error: [Failures.DeliveryTimeOutOfReach, Failures.ServiceUnavailable]
    })
      .annotate(RequiredScope, "deliveries")
      .annotateMerge(
        describeOperation({
          id: "resolveDeliveries",
          summary: "Decide which deliveries to send",
          description:
            "Returns a decision for each delivery, in order, and the recipient's address or push tokens if it is allowed. " +
            "Allowed deliveries count towards the user's daily limit, once per `notification_id` however often it is " +
            "resolved. Scope: `deliveries`.",
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
        describeOperation({
          id: "reportDeliveryStatus",
          summary: "Report delivery statuses",
          description:
            "Returns an outcome for each status, in order. Either all statuses of the request are processed or none. Their " +
            "order does not matter, and repeating them has no effect. Scope: `deliveries`.",
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
      description:
        "User data and delivery decisions for other services, which authenticate with a service key. Also available as RPC at `/rpc`."
    })
  ) {}
