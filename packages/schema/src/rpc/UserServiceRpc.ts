import { DeliveryTimeOutOfReach } from "@user-service/domain/Delivery"
import { RateLimited } from "@user-service/domain/RateLimit"
import { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { UserNotFound } from "@user-service/domain/User"
import { Schema } from "effect"
import { Rpc, RpcGroup, RpcMiddleware } from "effect/rpc"
import { ReportInput, ResolvedDelivery, ResolveInput, StatusResult } from "../Delivery.ts"
import { UserIdInput } from "../Input.ts"
import { IntrospectInput, TokenIntrospection } from "../Introspection.ts"
import { PreferencesBody } from "../Preferences.ts"
import { LivePushToken } from "../PushToken.ts"
import { RequiredScope } from "../ServiceScopes.ts"
import { UserBody } from "../User.ts"
import { UsersInput } from "../UserBatch.ts"

/** A bug in the service. The log of the service has the cause, under the id of the request. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", {}, { httpApiStatus: 500 }) {
  override get message() {
    return "An internal error occurred"
  }
}

/** The most calls in one HTTP request. A request with more is refused as a whole. */
export const maxCalls = 100

/** Requires a service key with the scope of the procedure, and counts the call against the limit of the key. */
export class ServiceAuthentication extends RpcMiddleware.Service<ServiceAuthentication>()(
  "@user-service/schema/rpc/ServiceAuthentication",
  { error: Schema.Union([Unauthenticated, ForbiddenScope, RateLimited, InternalError]) }
) {}

const OneUser = { user_id: UserIdInput }

// Equal to `PreferencesBody` and `UserBody` on the wire, without their limits on lengths and values. The binary form checks a
// shape while it reads or writes; limits would be a second check of every field, on both sides.
const Preferences = Schema.Struct({ ...PreferencesBody.fields, frequency_limit: Schema.Number })
const User = Schema.Struct({
  ...UserBody.fields,
  email: Schema.String,
  notification_preferences: Preferences,
  push_tokens_count: Schema.Number
})

const OfUser = Schema.Union([UserNotFound, ServiceUnavailable])

/** The procedures for other services. `InternalApi` has the same over plain HTTP, in the same shapes. */
export class UserServiceRpc extends RpcGroup.make(
  /** The claims of an access token, if it is active (RFC 7662). */
  Rpc.make("IntrospectToken", {
    payload: IntrospectInput,
    success: TokenIntrospection,
    error: ServiceUnavailable
  }).annotate(RequiredScope, "introspect"),
  Rpc.make("GetUser", { payload: OneUser, success: User, error: OfUser }).annotate(RequiredScope, "users"),
  /** The users that exist, each once, in the order of the ids. */
  Rpc.make("GetUsers", { payload: UsersInput, success: Schema.Array(User), error: ServiceUnavailable }).annotate(
    RequiredScope,
    "users"
  ),
  Rpc.make("GetPreferences", { payload: OneUser, success: Preferences, error: OfUser }).annotate(
    RequiredScope,
    "users"
  ),
  /** The live push tokens, the last used first. */
  Rpc.make("GetPushTokens", { payload: OneUser, success: Schema.Array(LivePushToken), error: OfUser }).annotate(
    RequiredScope,
    "tokens"
  ),
  /** Decides on each delivery, in order, and records those that it allows. Safe to repeat with the same ids. */
  Rpc.make("ResolveDeliveries", {
    payload: ResolveInput,
    success: Schema.Array(ResolvedDelivery),
    error: Schema.Union([DeliveryTimeOutOfReach, ServiceUnavailable])
  }).annotate(RequiredScope, "deliveries"),
  /** Applies the statuses in one transaction, and returns the outcome of each, in order. Idempotent. */
  Rpc.make("ReportDeliveryStatus", {
    payload: ReportInput,
    success: Schema.Array(StatusResult),
    error: ServiceUnavailable
  }).annotate(RequiredScope, "deliveries")
).middleware(ServiceAuthentication) {}
