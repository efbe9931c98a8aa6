export { DeliveryTimeOutOfReach, NotificationId } from "@user-service/domain/Delivery"
export { RateLimited } from "@user-service/domain/RateLimit"
export { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
export { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
export { type AccessClaims, TokenExpired, TokenInvalid } from "@user-service/domain/Token"
export { UserId, UserNotFound } from "@user-service/domain/User"
export type { ResolvedDelivery, StatusResult } from "@user-service/schema/Delivery"
export type { TokenIntrospection } from "@user-service/schema/Introspection"
export type { LivePushToken } from "@user-service/schema/PushToken"
export { InternalError } from "@user-service/schema/rpc/UserServiceRpc"
export type { Address } from "./Address.ts"
export type { Patience } from "./Resilience.ts"
export { TokenVerifier, type TrustedIssuer } from "./TokenVerifier.ts"
export { type CallFailure, Unreachable } from "./Unreachable.ts"
export {
  type ClientOptions,
  type DeliveryRequest,
  type Preferences,
  type StatusReport,
  type User,
  UserServiceClient
} from "./UserServiceClient.ts"
