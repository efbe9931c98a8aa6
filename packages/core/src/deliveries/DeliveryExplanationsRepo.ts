import {
  Category,
  Channel,
  Delivery,
  DeliveryDecision,
  DeliveryRule,
  DeliveryStatus,
  StatusChange,
  SuppressionReason
} from "@user-service/domain/Delivery"
import type { NotificationId } from "@user-service/domain/Delivery"
import type { DayOfUser } from "@user-service/domain/deliveries/DailyQuota"
import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CountRow, firstRow, onlyRow, type Query, rows } from "../Rows.ts"
import { deliveryColumns, DeliveryRow } from "./DeliveriesRepo.ts"

const basisFields = {
  sendAt: Columns.time,
  utcOffset: Schema.NullOr(Schema.Int),
  preferencesVersion: Schema.NullOr(Schema.Int),
  frequencyLimit: Schema.NullOr(Schema.Int),
  charged: Schema.NullOr(Schema.Int)
}

const basisColumns = `decided_at as "decidedAt", send_at as "sendAt", utc_offset as "utcOffset",
  preferences_version::int as "preferencesVersion", frequency_limit as "frequencyLimit", charged_count as charged`

const DecisionRow = Schema.Struct({
  userId: Columns.userId,
  channel: Channel,
  category: Category,
  decision: DeliveryDecision,
  rule: Schema.NullOr(DeliveryRule),
  until: Schema.NullOr(Columns.time),
  decidedAt: Columns.time,
  ...basisFields
})

/** A recorded decision. */
export type RecordedDecision = typeof DecisionRow.Type

const StoredDeliveryRow = Schema.Struct({
  ...DeliveryRow.fields,
  userId: Schema.NullOr(Columns.userId),
  decidedAt: Schema.NullOr(Columns.time),
  ...basisFields,
  sendAt: Schema.NullOr(Columns.time),
  statuses: Schema.NullOr(Schema.Array(Schema.Struct({ status: DeliveryStatus, at: Schema.DateTimeUtcFromString })))
})

/** A delivery, with what it was decided on if it was allowed here. */
export interface StoredDelivery {
  readonly userId: UserId | null
  readonly delivery: Delivery
  /** In the order in which they came. */
  readonly statuses: ReadonlyArray<StatusChange>
  readonly decision: RecordedDecision | null
}

const AddressRow = Schema.Struct({
  reason: Schema.NullOr(SuppressionReason),
  since: Schema.NullOr(Columns.time),
  pushTokens: Schema.Int
})

/** Whether and where a user can be reached. */
export type AddressState = typeof AddressRow.Type

/** Reads recorded decisions, and the details of a user that only explanations need. */
export class DeliveryExplanationsRepo extends Context.Service<
  DeliveryExplanationsRepo,
  {
    readonly deliveries: (notificationId: NotificationId) => Query<ReadonlyArray<StoredDelivery>>
    /** At most `limit` decisions that no delivery records, the newest first. */
    readonly decisions: (notificationId: NotificationId, limit: number) => Query<ReadonlyArray<RecordedDecision>>
    /** None if the user does not exist. */
    readonly addressState: (userId: UserId) => Query<Option.Option<AddressState>>
    /** How many notifications the user's local day is charged with. */
    readonly chargedCount: (day: Pick<DayOfUser, "userId" | "day">) => Query<number>
  }
>()("@user-service/core/deliveries/DeliveryExplanationsRepo") {
  static readonly layer = Layer.effect(
    DeliveryExplanationsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const basis = sql.literal(basisColumns)

      return {
        deliveries: (notificationId) =>
          Effect.map(
            rows(StoredDeliveryRow)(sql`
              select ${sql.literal(deliveryColumns)}, user_id as "userId", statuses, ${basis}
              from deliveries where notification_id = ${notificationId} order by place`),
            (found) => found.map(storedDelivery)
          ),

        decisions: (notificationId, limit) =>
          rows(DecisionRow)(sql`
            select user_id as "userId", channel, category, decision, rule, until, ${basis}
            from delivery_decisions where notification_id = ${notificationId}
            order by decided_at desc, user_id, channel limit ${limit}`),

        addressState: (userId) =>
          firstRow(AddressRow)(sql`
            select s.reason, s.created_at as since,
              (select count(*)::int from push_tokens where user_id = u.id and is_active) as "pushTokens"
            from users u left join suppressions s on s.user_id = u.id and s.email = u.email
            where u.id = ${userId}`),

        chargedCount: ({ day, userId }) =>
          Effect.map(
            onlyRow(CountRow)(sql`
              select count(*)::int as total from deliveries
              where user_id = ${userId} and charged_on = ${day}::date and is_charged`),
            ({ total }) => total
          )
      }
    })
  )
}

const storedDelivery = (row: typeof StoredDeliveryRow.Type): StoredDelivery => {
  const { category, channel, decidedAt, sendAt, userId } = row
  const isDecided = decidedAt !== null && sendAt !== null && userId !== null && channel !== null && category !== null
  return {
    userId,
    delivery: new Delivery(row, { disableChecks: true }),
    statuses: (row.statuses ?? []).map((change) => new StatusChange(change, { disableChecks: true })),
    decision: isDecided
      ? { ...row, userId, channel, category, decision: "allow", rule: null, until: null, decidedAt, sendAt }
      : null
  }
}
