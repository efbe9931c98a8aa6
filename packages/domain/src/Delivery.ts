import { Duration, Schema } from "effect"
import { DeviceToken, PushTokenId } from "./PushToken.ts"
import { Text, textUpTo } from "./Text.ts"
import { UserId } from "./User.ts"

/** A delivery's id: a UUID, version 7 for every row made here (RFC 9562). */
export const DeliveryId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("DeliveryId"))
export type DeliveryId = typeof DeliveryId.Type

/** What its sender calls a notification to one user, whatever the channels it goes over. */
export const NotificationId = textUpTo(128)
  .check(Schema.isMinLength(1, { message: "This field may not be blank." }))
  .pipe(Schema.brand("NotificationId"))
export type NotificationId = typeof NotificationId.Type

export const Channel = Schema.Literals(["email", "push"])
export type Channel = typeof Channel.Type

export const Category = Schema.Literals(["marketing", "transactional", "security", "system"])
export type Category = typeof Category.Type

/** How far a delivery came, in the order in which one status takes another's place. */
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

/** Whether `next` takes the place of the status that stands. So the highest stands in the end, in whatever order they come. */
export const isHigher = (next: DeliveryStatus, standing: DeliveryStatus): boolean =>
  (ranks.get(next) ?? 0) > (ranks.get(standing) ?? 0)

/** A notification on its way to a user over one channel. */
export class Delivery extends Schema.Class<Delivery>("Delivery")({
  id: DeliveryId,
  notificationId: NotificationId,
  /** Null where only statuses are known of it, and none of them said. */
  channel: Schema.NullOr(Channel),
  /** Null where it was not resolved here. */
  category: Schema.NullOr(Category),
  status: DeliveryStatus,
  error: Schema.NullOr(Schema.String),
  errorCode: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String),
  createdAt: Schema.DateTimeUtc,
  /** When its status came to be, as far as its sender said. */
  updatedAt: Schema.DateTimeUtc
}) {}

/** How many deliveries are resolved in one call at most. */
export const maxResolved = 1000

/** How many statuses are reported in one call at most. */
export const maxReported = 1000

/** Whether somebody may be sent something. */
export const DeliveryDecision = Schema.Literals(["allow", "deny", "defer"])
export type DeliveryDecision = typeof DeliveryDecision.Type

/**
 * Why not: the first that applies, in this order. `user_mismatch` comes after all others, where the notification would be
 * allowed but its id stands for one to another user.
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

/** How far from now, to either side, a delivery may be resolved for. */
export const maxReach = Duration.days(30)

/** Deliveries were asked about for times beyond {@link maxReach}; nothing was decided of any. */
export class DeliveryTimeOutOfReach extends Schema.TaggedError<DeliveryTimeOutOfReach>()(
  "DeliveryTimeOutOfReach",
  {
    /** Which of the call's, counted from 0. */
    indexes: Schema.NonEmptyArray(Schema.Int)
  },
  { httpApiStatus: 422 }
) {
  override get message() {
    return `Must be within ${Duration.toDays(maxReach)} days of now.`
  }
}

/** What a sender tells of a delivery. */
export const StatusReport = Schema.Struct({
  notificationId: NotificationId,
  status: DeliveryStatus,
  /** Every channel of the notification where it is absent. */
  channel: Schema.optionalKey(Channel),
  /** Whose it is; not needed for what was resolved here. */
  userId: Schema.optionalKey(UserId),
  /** The device it is about, by either name. */
  pushTokenId: Schema.optionalKey(PushTokenId),
  pushToken: Schema.optionalKey(DeviceToken),
  /** When it came to be; when it is received, where it is absent or in the future. */
  timestamp: Schema.optionalKey(Schema.DateTimeUtc),
  error: Schema.optionalKey(Text),
  errorCode: Schema.optionalKey(Text),
  bounceType: Schema.optionalKey(Schema.Literals(["hard", "soft"])),
  provider: Schema.optionalKey(Text)
})
export type StatusReport = typeof StatusReport.Type

/** What became of a report. */
export const StatusOutcome = Schema.Literals([
  "applied",
  /** What stands is as high or higher. */
  "unchanged",
  /** The notification was not resolved here, and the report names no user. */
  "unknown_notification",
  /** The notification is another user's. */
  "user_mismatch",
  /** There is no such user, or none any more: there is nothing to keep it for. */
  "user_erased"
])
export type StatusOutcome = typeof StatusOutcome.Type
