import type { Device } from "@user-service/domain/deliveries/FailedDevices"
import type { DeliveryState, Suppression } from "@user-service/domain/deliveries/StatusFold"
import { Channel, DeliveryStatus, type NotificationId } from "@user-service/domain/Delivery"
import { type PushTokenId, TokenType } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { heldColumns } from "../push-tokens/PushTokenFragments.ts"
import { HeldRow, type HeldToken } from "../push-tokens/PushTokenRows.ts"
import { type Query, rows } from "../Rows.ts"

const KnownRow = Schema.Struct({
  id: Schema.String.pipe(Schema.brand("DeliveryId")),
  notificationId: Schema.String.pipe(Schema.brand("NotificationId")),
  place: Schema.Int,
  /** Null once the user is erased. */
  userId: Schema.NullOr(Columns.userId),
  channel: Schema.NullOr(Channel),
  /** Whether the delivery was allowed here, so that its sender was told where to send it. */
  isResolved: Schema.Boolean,
  status: DeliveryStatus,
  /** The hardest bounce that was reported after it was resolved; a complaint counts as a hard one. */
  bounce: Schema.NullOr(Schema.Literals(["soft", "hard"])),
  error: Schema.NullOr(Schema.String),
  errorCode: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String),
  /** The local day that the notification was charged to, where that was noted here ... */
  chargedOn: Schema.NullOr(Schema.String),
  /** ... and whether it still is. */
  isCharged: Schema.Boolean,
  createdAt: Columns.time,
  updatedAt: Columns.time
})

const DeviceRow = Schema.Struct({
  id: Columns.pushTokenId,
  userId: Columns.userId,
  tokenHash: Schema.String,
  tokenType: TokenType,
  isActive: Schema.Boolean,
  /** When it was registered last. */
  lastUsedAt: Columns.time
})

const UserRow = Schema.Struct({ userId: Columns.userId })

/** Each query is one statement, for any number of reports. All but `known` belong to the caller's transaction. */
export class DeliveryStatusesRepo extends Context.Service<
  DeliveryStatusesRepo,
  {
    readonly known: (notificationIds: ReadonlyArray<NotificationId>) => Query<ReadonlyArray<DeliveryState>>
    /** The same, and locks them. */
    readonly lockKnown: (notificationIds: ReadonlyArray<NotificationId>) => Query<ReadonlyArray<DeliveryState>>
    /** Those of the users that exist, and do so until the transaction ends. */
    readonly present: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<UserId>>
    /** Updates the rows that are known and adds those that are new; answers how many it could add. */
    readonly write: (changed: ReadonlyArray<DeliveryState>) => Query<number>
    /** Moves the counts of the users' charges on: what was counted before counts no more. */
    readonly moveCounts: (userIds: ReadonlyArray<UserId>) => Query<void>
    /** The tokens by their id or hash, whoever's they are. */
    readonly devices: (ids: ReadonlyArray<PushTokenId>, hashes: ReadonlyArray<string>) => Query<ReadonlyArray<Device>>
    readonly deactivate: (ids: ReadonlyArray<PushTokenId>, now: DateTime.Utc) => Query<ReadonlyArray<HeldToken>>
    /** Answers whose address was not suppressed before, or only for its bounces. */
    readonly suppress: (suppressions: ReadonlyArray<Suppression>, now: DateTime.Utc) => Query<ReadonlyArray<UserId>>
  }
>()("@user-service/core/deliveries/DeliveryStatusesRepo") {
  static readonly layer = Layer.effect(
    DeliveryStatusesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(
        `id, notification_id as "notificationId", place, user_id as "userId", channel, category is not null as "isResolved",
         status, bounce, error, error_code as "errorCode", provider, charged_on::text as "chargedOn", is_charged as "isCharged",
         created_at as "createdAt", updated_at as "updatedAt"`
      )
      const held = sql.literal(heldColumns)
      // Joined, never compared to by "any": see DeliveriesRepo.
      const told = (ids: ReadonlyArray<NotificationId>) =>
        sql`unnest(${ids}::text[]) as told (notification_id) join deliveries using (notification_id)`
      const knownOf = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(rows(KnownRow)(statement), (found) => found.map((row) => ({ ...row, isNew: false })))
      const usersOf = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(rows(UserRow)(statement), (found) => found.map((row) => row.userId))

      return {
        known: (ids) => knownOf(sql`select ${columns} from ${told(ids)}`),

        lockKnown: (ids) =>
          knownOf(sql`
            select ${columns} from ${told(ids)} order by notification_id, place for no key update of deliveries`),

        present: (userIds) =>
          usersOf(sql`
            select u.id as "userId" from unnest(${userIds}::uuid[]) as told (id) join users u using (id)
            order by id for key share of u`),

        // An array of nothing but nulls has no type, so an empty text stands for null.
        write: (changed) =>
          Effect.map(
            sql`
              with told as (
                select id, is_new, notification_id, place, user_id, nullif(channel, '') as channel, status,
                  nullif(bounce, '') as bounce, nullif(error, '') as error, nullif(error_code, '') as error_code,
                  nullif(provider, '') as provider, is_charged, created_at, updated_at
                from unnest(
                  ${changed.map((row) => row.id)}::uuid[], ${changed.map((row) => row.isNew)}::boolean[],
                  ${changed.map((row) => row.notificationId)}::text[], ${changed.map((row) => row.place)}::smallint[],
                  ${changed.map((row) => row.userId)}::uuid[], ${changed.map((row) => row.channel ?? "")}::text[],
                  ${changed.map((row) => row.status)}::text[], ${changed.map((row) => row.bounce ?? "")}::text[],
                  ${changed.map((row) => row.error ?? "")}::text[], ${changed.map((row) => row.errorCode ?? "")}::text[],
                  ${changed.map((row) => row.provider ?? "")}::text[], ${changed.map((row) => row.isCharged)}::boolean[],
                  ${changed.map((row) => DateTime.toDate(row.createdAt))}::timestamptz[],
                  ${changed.map((row) => DateTime.toDate(row.updatedAt))}::timestamptz[]
                ) as told (id, is_new, notification_id, place, user_id, channel, status, bounce, error, error_code,
                  provider, is_charged, created_at, updated_at)
              ), updated as (
                update deliveries d set
                  channel = told.channel, status = told.status, bounce = told.bounce, error = told.error,
                  error_code = told.error_code, provider = told.provider, is_charged = told.is_charged,
                  updated_at = told.updated_at
                from told where d.id = told.id and not told.is_new
              )
              insert into deliveries (id, notification_id, place, user_id, channel, status, bounce, error, error_code,
                provider, created_at, updated_at)
              select id, notification_id, place, user_id, channel, status, bounce, error, error_code, provider,
                created_at, updated_at
              from told where is_new order by notification_id, place
              on conflict do nothing returning 1`,
            (added) => added.length
          ),

        moveCounts: (userIds) =>
          Effect.asVoid(sql`
            update notification_preferences n set cap_epoch = n.cap_epoch + 1
            from unnest(${userIds}::uuid[]) as told (user_id) where n.user_id = told.user_id`),

        devices: (ids, hashes) =>
          rows(DeviceRow)(sql`
            select id, user_id as "userId", encode(token_sha256, 'hex') as "tokenHash", token_type as "tokenType",
              is_active as "isActive", last_used_at as "lastUsedAt"
            from push_tokens
            where id = any(${ids}::uuid[])
              or token_sha256 = any(array(select decode(hash, 'hex') from unnest(${hashes}::text[]) as hash))`),

        deactivate: (ids, now) =>
          rows(HeldRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where id = any(${ids}::uuid[]) and is_active
            returning ${held}`),

        suppress: (suppressions, now) =>
          usersOf(sql`
            insert into suppressions (user_id, email, reason, created_at)
            select u.id, u.email, told.reason, ${DateTime.toDate(now)}::timestamptz
            from unnest(
              ${suppressions.map((one) => one.userId)}::uuid[], ${suppressions.map((one) => one.deliveryId)}::uuid[],
              ${suppressions.map((one) => one.reason)}::text[]
            ) as told (user_id, delivery_id, reason)
            join users u on u.id = told.user_id
            join deliveries d on d.id = told.delivery_id
            where d.email_sha256 = sha256(convert_to(u.email, 'UTF8'))
            on conflict (user_id) do update
              set email = excluded.email, reason = excluded.reason, created_at = excluded.created_at
              where suppressions.email <> excluded.email
                or (suppressions.reason = 'hard_bounce' and excluded.reason = 'complaint')
            returning user_id as "userId"`)
      }
    })
  )
}
