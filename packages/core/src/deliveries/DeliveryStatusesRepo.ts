import type { Device } from "@user-service/domain/deliveries/FailedDevices"
import type { DeliveryState, Suppression } from "@user-service/domain/deliveries/StatusFold"
import { Channel, DeliveryStatus, type NotificationId } from "@user-service/domain/Delivery"
import { type PushTokenId, TokenType } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { secretTokenColumns } from "../push-tokens/PushTokenFragments.ts"
import { SecretTokenRow, type SecretToken } from "../push-tokens/PushTokenRows.ts"
import { type Query, rows } from "../Rows.ts"

const KnownRow = Schema.Struct({
  id: Schema.String.pipe(Schema.brand("DeliveryId")),
  notificationId: Schema.String.pipe(Schema.brand("NotificationId")),
  place: Schema.Int,
  /** Null after the user is erased. */
  userId: Schema.NullOr(Columns.userId),
  channel: Schema.NullOr(Channel),
  /** Whether the delivery was resolved and allowed here, so that its sender has the address from this service. */
  isResolved: Schema.Boolean,
  status: DeliveryStatus,
  /** The hardest bounce reported after the delivery was resolved. A complaint counts as a hard bounce. */
  bounce: Schema.NullOr(Schema.Literals(["soft", "hard"])),
  error: Schema.NullOr(Schema.String),
  errorCode: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String),
  /** The local day to which the notification was charged, or null. */
  chargedOn: Schema.NullOr(Schema.String),
  /** Whether the notification still counts towards the daily quota of that day. */
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
  /** The time of the last registration. */
  lastUsedAt: Columns.time
})

const statusesJson = (statuses: DeliveryState["newStatuses"]): string =>
  JSON.stringify(statuses.map(({ at, status }) => ({ status, at: DateTime.formatIso(at) })))

const UserRow = Schema.Struct({ userId: Columns.userId })

/** Each query is one statement for any number of reports. All but `known` run in the caller's transaction. */
export class DeliveryStatusesRepo extends Context.Service<
  DeliveryStatusesRepo,
  {
    readonly known: (notificationIds: ReadonlyArray<NotificationId>) => Query<ReadonlyArray<DeliveryState>>
    /** The same, with locks. */
    readonly lockKnown: (notificationIds: ReadonlyArray<NotificationId>) => Query<ReadonlyArray<DeliveryState>>
    /** The users that exist. Locks them against deletion until the transaction ends. */
    readonly present: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<UserId>>
    /** Updates the stored rows and inserts the new ones. Returns the number of inserted rows. */
    readonly write: (changed: ReadonlyArray<DeliveryState>) => Query<number>
    /** Increments the users' `capEpoch`, which discards their daily quota counts in Redis. */
    readonly incrementEpochs: (userIds: ReadonlyArray<UserId>) => Query<void>
    /** The tokens with these ids or hashes, of any user. */
    readonly devices: (ids: ReadonlyArray<PushTokenId>, hashes: ReadonlyArray<string>) => Query<ReadonlyArray<Device>>
    readonly deactivate: (ids: ReadonlyArray<PushTokenId>, now: DateTime.Utc) => Query<ReadonlyArray<SecretToken>>
    /** Returns the users whose address is newly suppressed, or suppressed for a complaint after a bounce. */
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
      const secretColumns = sql.literal(secretTokenColumns)
      // Joins the array instead of comparing with `any`: see DeliveriesRepo.
      const deliveriesOf = (ids: ReadonlyArray<NotificationId>) =>
        sql`unnest(${ids}::text[]) as reported (notification_id) join deliveries using (notification_id)`
      const knownOf = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(rows(KnownRow)(statement), (found) =>
          found.map((row) => ({ ...row, isNew: false, newStatuses: [] }))
        )
      const usersOf = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(rows(UserRow)(statement), (found) => found.map((row) => row.userId))

      return {
        known: (ids) => knownOf(sql`select ${columns} from ${deliveriesOf(ids)}`),

        lockKnown: (ids) =>
          knownOf(sql`
            select ${columns} from ${deliveriesOf(ids)} order by notification_id, place for no key update of deliveries`),

        present: (userIds) =>
          usersOf(sql`
            select u.id as "userId" from unnest(${userIds}::uuid[]) as reported (id) join users u using (id)
            order by id for key share of u`),

        // Empty texts stand for null, because an array of only nulls has no type.
        write: (changed) =>
          Effect.map(
            sql`
              with reported as (
                select id, is_new, notification_id, place, user_id, nullif(channel, '') as channel, status,
                  nullif(bounce, '') as bounce, nullif(error, '') as error, nullif(error_code, '') as error_code,
                  nullif(provider, '') as provider, is_charged, created_at, updated_at, new_statuses::jsonb as new_statuses
                from unnest(
                  ${changed.map((row) => row.id)}::uuid[], ${changed.map((row) => row.isNew)}::boolean[],
                  ${changed.map((row) => row.notificationId)}::text[], ${changed.map((row) => row.place)}::smallint[],
                  ${changed.map((row) => row.userId)}::uuid[], ${changed.map((row) => row.channel ?? "")}::text[],
                  ${changed.map((row) => row.status)}::text[], ${changed.map((row) => row.bounce ?? "")}::text[],
                  ${changed.map((row) => row.error ?? "")}::text[], ${changed.map((row) => row.errorCode ?? "")}::text[],
                  ${changed.map((row) => row.provider ?? "")}::text[], ${changed.map((row) => row.isCharged)}::boolean[],
                  ${changed.map((row) => DateTime.toDate(row.createdAt))}::timestamptz[],
                  ${changed.map((row) => DateTime.toDate(row.updatedAt))}::timestamptz[],
                  ${changed.map((row) => statusesJson(row.newStatuses))}::text[]
                ) as reported (id, is_new, notification_id, place, user_id, channel, status, bounce, error, error_code,
                  provider, is_charged, created_at, updated_at, new_statuses)
              ), updated as (
                update deliveries d set
                  channel = reported.channel, status = reported.status, bounce = reported.bounce, error = reported.error,
                  error_code = reported.error_code, provider = reported.provider, is_charged = reported.is_charged,
                  updated_at = reported.updated_at, statuses = coalesce(d.statuses, '[]') || reported.new_statuses
                from reported where d.id = reported.id and not reported.is_new
              )
              insert into deliveries (id, notification_id, place, user_id, channel, status, bounce, error, error_code,
                provider, created_at, updated_at, statuses)
              select id, notification_id, place, user_id, channel, status, bounce, error, error_code, provider,
                created_at, updated_at, new_statuses
              from reported where is_new order by notification_id, place
              on conflict do nothing returning 1`,
            (added) => added.length
          ),

        incrementEpochs: (userIds) =>
          Effect.asVoid(sql`
            update notification_preferences n set cap_epoch = n.cap_epoch + 1
            from unnest(${userIds}::uuid[]) as reported (user_id) where n.user_id = reported.user_id`),

        devices: (ids, hashes) =>
          rows(DeviceRow)(sql`
            select id, user_id as "userId", encode(token_sha256, 'hex') as "tokenHash", token_type as "tokenType",
              is_active as "isActive", last_used_at as "lastUsedAt"
            from push_tokens
            where id = any(${ids}::uuid[])
              or token_sha256 = any(array(select decode(hash, 'hex') from unnest(${hashes}::text[]) as hash))`),

        deactivate: (ids, now) =>
          rows(SecretTokenRow)(sql`
            update push_tokens set is_active = false, updated_at = ${DateTime.toDate(now)}
            where id = any(${ids}::uuid[]) and is_active
            returning ${secretColumns}`),

        suppress: (suppressions, now) =>
          usersOf(sql`
            insert into suppressions (user_id, email, reason, created_at)
            select u.id, u.email, reported.reason, ${DateTime.toDate(now)}::timestamptz
            from unnest(
              ${suppressions.map((one) => one.userId)}::uuid[], ${suppressions.map((one) => one.deliveryId)}::uuid[],
              ${suppressions.map((one) => one.reason)}::text[]
            ) as reported (user_id, delivery_id, reason)
            join users u on u.id = reported.user_id
            join deliveries d on d.id = reported.delivery_id
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
