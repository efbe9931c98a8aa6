import type { DeliveryRequest, Resolution } from "@user-service/core/deliveries/Deliveries"
import type { LiveToken } from "@user-service/core/push-tokens/PushTokenRows"
import type { IntrospectionResult } from "@user-service/core/sessions/Introspection"
import type { StatusOutcome } from "@user-service/domain/Delivery"
import {
  type DeliveryRequestInput,
  type ResolvedDelivery,
  type StatusReportInput,
  type StatusResult,
  unsubscribeLinksBody
} from "@user-service/schema/Delivery"
import type { TokenIntrospection } from "@user-service/schema/Introspection"
import type { LivePushToken } from "@user-service/schema/PushToken"
import { timestamp } from "@user-service/schema/Timestamp"
import { Option, Struct } from "effect"

/** An introspected token in wire form. */
export const introspectionBody: (token: Option.Option<IntrospectionResult>) => TokenIntrospection = Option.match({
  onNone: () => ({ active: false }),
  onSome: (claims) => ({
    active: true,
    sub: claims.userId,
    user_id: claims.userId,
    sid: claims.sessionId,
    jti: claims.tokenId,
    iss: claims.issuer,
    aud: claims.audience,
    iat: claims.issuedAt,
    exp: claims.expiresAt,
    token_type: claims.tokenType
  })
})

/** A live push token in wire form. */
export const livePushToken = ({ id, platform, token, tokenType }: LiveToken): LivePushToken => ({
  id,
  token,
  platform,
  token_type: tokenType
})

/** A delivery request, from its wire form. */
export const deliveryRequest: (input: typeof DeliveryRequestInput.Type) => DeliveryRequest = Struct.renameKeys({
  notification_id: "notificationId",
  user_id: "userId"
})

/** The resolution of a delivery in wire form. */
export const resolvedDelivery = (resolution: Resolution): ResolvedDelivery => ({
  notification_id: resolution.notificationId,
  user_id: resolution.userId,
  channel: resolution.channel,
  category: resolution.category,
  decision: resolution.decision,
  rule: resolution.rule,
  until: resolution.until === null ? null : timestamp(resolution.until),
  email: resolution.email,
  is_verified: resolution.isVerified,
  push_tokens: resolution.pushTokens.map(livePushToken),
  preferences_version: resolution.preferencesVersion,
  ...(resolution.unsubscribe === undefined ? {} : { unsubscribe: unsubscribeLinksBody(resolution.unsubscribe) })
})

/** The outcome of each status report in wire form, in order. */
export const statusResults =
  (statuses: ReadonlyArray<typeof StatusReportInput.Type>) =>
  (outcomes: ReadonlyArray<StatusOutcome>): ReadonlyArray<StatusResult> =>
    statuses.flatMap(({ notification_id }, index) => {
      const outcome = outcomes[index]
      return outcome === undefined ? [] : [{ notification_id, outcome }]
    })
