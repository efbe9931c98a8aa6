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

/** A mistake of the service's; its log tells of it under the id of the request. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", {}, { httpApiStatus: 500 }) {
  override get message() {
    return "An internal error occurred"
  }
}

/** How many calls one HTTP request may carry: what is over that is refused whole. */
export const maxCalls = 100

/** Requires a service key that is good for the procedure, and counts the call against its limit. */
export class ServiceAuthentication extends RpcMiddleware.Service<ServiceAuthentication>()(
  "@user-service/schema/rpc/ServiceAuthentication",
  { error: Schema.Union([Unauthenticated, ForbiddenScope, RateLimited, InternalError]) }
) {}

const OneUser = { user_id: UserIdInput }

// The same on the wire as their twins, without the rules of how much or how long: the binary form checks a plain shape as it
// reads and writes it, and would have one with rules checked once more on either side, field by field.
const Preferences = Schema.Struct({ ...PreferencesBody.fields, frequency_limit: Schema.Number })
const User = Schema.Struct({
  ...UserBody.fields,
  email: Schema.String,
  notification_preferences: Preferences,
  push_tokens_count: Schema.Number
})

const OfUser = Schema.Union([UserNotFound, ServiceUnavailable])

/** What other services ask of users, in the shapes of its plain-HTTP twin, `InternalApi`. */
export class UserServiceRpc extends RpcGroup.make(
  /** What a live access token says (RFC 7662). */
  Rpc.make("IntrospectToken", {
    payload: IntrospectInput,
    success: TokenIntrospection,
    error: ServiceUnavailable
  }).annotate(RequiredScope, "introspect"),
  Rpc.make("GetUser", { payload: OneUser, success: User, error: OfUser }).annotate(RequiredScope, "users"),
  /** Those that exist, each once, in the order they are first named. */
  Rpc.make("GetUsers", { payload: UsersInput, success: Schema.Array(User), error: ServiceUnavailable }).annotate(
    RequiredScope,
    "users"
  ),
  Rpc.make("GetPreferences", { payload: OneUser, success: Preferences, error: OfUser }).annotate(
    RequiredScope,
    "users"
  ),
  /** The live ones, the last used first. */
  Rpc.make("GetPushTokens", { payload: OneUser, success: Schema.Array(LivePushToken), error: OfUser }).annotate(
    RequiredScope,
    "tokens"
  ),
  /** Decides upon each delivery, in order, and records what it allows. Safe to ask again under the same ids. */
  Rpc.make("ResolveDeliveries", {
    payload: ResolveInput,
    success: Schema.Array(ResolvedDelivery),
    error: Schema.Union([DeliveryTimeOutOfReach, ServiceUnavailable])
  }).annotate(RequiredScope, "deliveries"),
  /** Takes statuses in, all in one transaction; answers what became of each, in order. Idempotent. */
  Rpc.make("ReportDeliveryStatus", {
    payload: ReportInput,
    success: Schema.Array(StatusResult),
    error: ServiceUnavailable
  }).annotate(RequiredScope, "deliveries")
).middleware(ServiceAuthentication) {}
