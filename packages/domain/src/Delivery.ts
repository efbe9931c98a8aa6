import { type DateTime, Duration, Schema } from "effect"
import { DeviceToken, PushTokenId } from "./PushToken.ts"
import { Text, textUpTo } from "./Text.ts"
import { UserId } from "./User.ts"

/** A delivery's id: a UUID, version 7 for every row made here (RFC 9562). */
export const DeliveryId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("DeliveryId"))
export type DeliveryId = typeof DeliveryId.Type

/** The sender's id of a notification to one user, shared by all its channels. */
export const NotificationId = textUpTo(128)
  .check(Schema.isMinLength(1, { message: "This field may not be blank." }))
  .pipe(Schema.brand("NotificationId"))
export type NotificationId = typeof NotificationId.Type

export const Channel = Schema.Literals(["email", "push"])
export type Channel = typeof Channel.Type

export const Category = Schema.Literals(["marketing", "transactional", "security", "system"])
export type Category = typeof Category.Type

/** The status of a delivery, in ascending rank. */
export const DeliveryStatus = Schema.Literals([
  "pending",
  "sent",
  "failed",
  "delivered",
  "opened",
  "bounced",
  "complained"
])
export type DeliveryStatus = typeof DeliveryStatus.Type

const ranks = new Map(DeliveryStatus.literals.map((status, index) => [status, index]))

/** Whether `next` replaces the current status. The highest status wins, in whatever order they arrive. */
export const isHigher = (next: DeliveryStatus, current: DeliveryStatus): boolean =>
  (ranks.get(next) ?? 0) > (ranks.get(current) ?? 0)

/** A status of a delivery, and when the status changed according to the sender. */
export class StatusChange extends Schema.Class<StatusChange>("StatusChange")({
  status: DeliveryStatus,
  at: Schema.DateTimeUtc
}) {}

/** The delivery of a notification to a user over one channel. */
export class Delivery extends Schema.Class<Delivery>("Delivery")({
  id: DeliveryId,
  notificationId: NotificationId,
  /** Null if it was not resolved here and no status report named the channel. */
  channel: Schema.NullOr(Channel),
  /** Null if it was not resolved here. */
  category: Schema.NullOr(Category),
  status: DeliveryStatus,
  error: Schema.NullOr(Schema.String),
  errorCode: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String),
  createdAt: Schema.DateTimeUtc,
  /** When the status changed, according to the sender. */
  updatedAt: Schema.DateTimeUtc
}) {}

/** The maximum number of deliveries that one call resolves. */
export const maxResolved = 1000

/** The maximum number of status reports in one call. */
export const maxReported = 1000

/** Whether a notification may be sent. */
export const DeliveryDecision = Schema.Literals(["allow", "deny", "defer"])
export type DeliveryDecision = typeof DeliveryDecision.Type

/**
 * Why a notification may not be sent: the first rule that applies, in this order. `user_mismatch` applies last: the notification would
 * be allowed, but its id belongs to another user's notification.
 */
export const DeliveryRule = Schema.Literals([
  "user_unknown",
  "user_inactive",
  "channel_disabled",
  "category_disabled",
  "suppressed",
  "no_address",
  "do_not_disturb",
  "frequency_limit",
  "user_mismatch"
])
export type DeliveryRule = typeof DeliveryRule.Type

/** Why an e-mail address must not be written to. */
export const SuppressionReason = Schema.Literals(["hard_bounce", "complaint"])
export type SuppressionReason = typeof SuppressionReason.Type

/** How far in the past or the future the time of a resolved delivery may be. */
export const maxReach = Duration.days(30)

/** Whether a delivery may be resolved for this time. */
export const isWithinReach = (at: DateTime.Utc, now: DateTime.Utc): boolean =>
  Math.abs(at.epochMilliseconds - now.epochMilliseconds) <= Duration.toMillis(maxReach)

/** The times of some deliveries are beyond {@link maxReach}. None of the call's deliveries was resolved. */
export class DeliveryTimeOutOfReach extends Schema.TaggedError<DeliveryTimeOutOfReach>()(
  "DeliveryTimeOutOfReach",
  {
    /** The indexes of these deliveries in the call, from 0. */
    indexes: Schema.NonEmptyArray(Schema.Int)
  },
  { httpApiStatus: 422 }
) {
  override get message() {
    return `Must be within ${Duration.toDays(maxReach)} days of now.`
  }
}

/** A sender's report of a delivery's status. */
export const StatusReport = Schema.Struct({
  notificationId: NotificationId,
  status: DeliveryStatus,
  /** All channels of the notification when absent. */
  channel: Schema.optionalKey(Channel),
  /** The user. Required only for notifications that were not resolved here. */
  userId: Schema.optionalKey(UserId),
  /** The device, by the id of its push token or by the token itself. */
  pushTokenId: Schema.optionalKey(PushTokenId),
  pushToken: Schema.optionalKey(DeviceToken),
  /** When the status changed. The time of receipt when absent or in the future. */
  timestamp: Schema.optionalKey(Schema.DateTimeUtc),
  error: Schema.optionalKey(Text),
  errorCode: Schema.optionalKey(Text),
  bounceType: Schema.optionalKey(Schema.Literals(["hard", "soft"])),
  provider: Schema.optionalKey(Text)
})
export type StatusReport = typeof StatusReport.Type

/** The outcome of a status report. */
export const StatusOutcome = Schema.Literals([
  "applied",
  /** The current status is as high or higher. */
  "unchanged",
  /** The notification was not resolved here, and the report names no user. */
  "unknown_notification",
  /** The notification is another user's. */
  "user_mismatch",
  /** The user does not exist (any more). The report is dropped. */
  "user_erased"
])
export type StatusOutcome = typeof StatusOutcome.Type
