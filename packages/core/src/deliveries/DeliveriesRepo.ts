import type { ChargedDay, DayOfUser } from "@user-service/domain/deliveries/DailyQuota"
import type { DeliveryRecord, KnownDelivery, PlanRecipient } from "@user-service/domain/deliveries/DeliveryPlan"
import { Category, Channel, Delivery, DeliveryStatus, type NotificationId } from "@user-service/domain/Delivery"
import { offset, type Page, type PageRequest } from "@user-service/domain/Page"
import { PreferenceSettings, switches } from "@user-service/domain/Preferences"
import { Platform, TokenType } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema, String } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CountRow, onlyRow, type Query, rows } from "../Rows.ts"

const deliveryId = Schema.String.pipe(Schema.brand("DeliveryId"))
const notificationId = Schema.String.pipe(Schema.brand("NotificationId"))

const RecipientRow = Schema.Struct({
  ...PreferenceSettings.fields,
  doNotDisturbStart: Schema.NullOr(Columns.localTime),
  doNotDisturbEnd: Schema.NullOr(Columns.localTime),
  userId: Columns.userId,
  email: Columns.email,
  isActive: Schema.Boolean,
  isVerified: Schema.Boolean,
  isSuppressed: Schema.Boolean,
  timezone: Schema.String,
  /** The count of charges that all of the user's were told to. */
  capEpoch: Schema.Int,
  preferencesVersion: Schema.Int
})

/** A user as the rules see them, with their preferences. */
export interface RecipientRow extends PlanRecipient {
  readonly userId: UserId
  readonly isVerified: boolean
  readonly preferencesVersion: number
}

const LiveTokenRow = Schema.Struct({
  id: Columns.pushTokenId,
  userId: Columns.userId,
  token: Columns.deviceToken,
  platform: Platform,
  tokenType: TokenType
})

/** A token that a push is to be sent to, with its secret. */
export type RecipientToken = typeof LiveTokenRow.Type

const KnownRow = Schema.Struct({
  id: deliveryId,
  notificationId,
  place: Schema.Int,
  /** Null once the user is erased. */
  userId: Schema.NullOr(Columns.userId),
  channel: Schema.NullOr(Channel),
  category: Schema.NullOr(Category),
  isCharged: Schema.Boolean
})

const ChargedRow = Schema.Struct({
  userId: Columns.userId,
  day: Schema.String,
  notificationIds: Schema.Array(notificationId)
})

const DeliveryRow = Schema.Struct({
  id: deliveryId,
  notificationId,
  channel: Schema.NullOr(Channel),
  category: Schema.NullOr(Category),
  status: DeliveryStatus,
  error: Schema.NullOr(Schema.String),
  errorCode: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String),
  createdAt: Columns.time,
  updatedAt: Columns.time
})

/** Which of a user's deliveries are listed; all where nothing is named. */
export interface DeliveryFilter {
  readonly channel?: Channel
  readonly status?: DeliveryStatus
}

const IdRow = Schema.Struct({ id: deliveryId })

/** Each query is one statement, for any number of users and notifications. */
export class DeliveriesRepo extends Context.Service<
  DeliveriesRepo,
  {
    /** Those that exist. */
    readonly recipients: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<RecipientRow>>
    /** The live tokens of the users, the last used first. */
    readonly liveTokens: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<RecipientToken>>
    readonly known: (notificationIds: ReadonlyArray<NotificationId>) => Query<ReadonlyArray<KnownDelivery>>
    /** Of the days whose count is still the one that is asked of, what they are charged; nothing is charged to a day too. */
    readonly charged: (days: ReadonlyArray<DayOfUser>) => Query<ReadonlyArray<ChargedDay>>
    /**
     * Adds those of the new rows whose users' count has not moved, whose id and channel nobody added meanwhile, and whose
     * user is still there; answers their ids. A count cannot move before the statement is committed.
     */
    readonly add: (records: ReadonlyArray<DeliveryRecord>, now: DateTime.Utc) => Query<ReadonlyArray<string>>
    /**
     * Locks the counts of the users' charges, in order of id: nobody else charges them until the transaction ends. Users are
     * locked before their counts, and counts before deliveries.
     */
    readonly lockCounts: (userIds: ReadonlyArray<UserId>) => Query<void>
    /** Moves the locked counts on and writes the records; answers the ids of those that could be written. */
    readonly write: (
      userIds: ReadonlyArray<UserId>,
      records: ReadonlyArray<DeliveryRecord>,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<string>>
    /** Newest first. */
    readonly page: (userId: UserId, filter: DeliveryFilter, request: PageRequest) => Query<Page<Delivery>>
  }
>()("@user-service/core/deliveries/DeliveriesRepo") {
  static readonly layer = Layer.effect(
    DeliveriesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const settings = sql.literal(
        [...switches, "frequencyLimit"].map((field) => `n.${String.camelToSnake(field)} as "${field}"`).join(", ")
      )
      const columns = sql.literal(
        `id, notification_id as "notificationId", channel, category, status, error, error_code as "errorCode", provider,
         created_at as "createdAt", updated_at as "updatedAt"`
      )
      const ids = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(rows(IdRow)(statement), (found) => found.map(({ id }) => id))

      // Arrays are joined, never compared to by "any": a plan that was made while a table was small looks at every row of it,
      // and would compare each to a thousand. What is read is joined one by one ("lateral", "offset 0"): a plan is for any
      // number, tens are guessed, and for so many a table of some thousand rows would be read whole. An array of nothing but
      // nulls has no type, so an empty text stands for null.
      const asked = (records: ReadonlyArray<DeliveryRecord>) => sql`
        select id, is_new, notification_id, place, user_id, channel, category,
          case when email <> '' then sha256(convert_to(email, 'UTF8')) end as email_sha256,
          nullif(charged_on, '')::date as charged_on
        from unnest(
          ${records.map((record) => record.id)}::uuid[], ${records.map((record) => record.isNew)}::boolean[],
          ${records.map((record) => record.notificationId)}::text[], ${records.map((record) => record.place)}::smallint[],
          ${records.map((record) => record.userId)}::uuid[], ${records.map((record) => record.channel)}::text[],
          ${records.map((record) => record.category)}::text[], ${records.map((record) => record.email ?? "")}::text[],
          ${records.map((record) => record.chargedOn ?? "")}::text[]
        ) as asked (id, is_new, notification_id, place, user_id, channel, category, email, charged_on)`

      // In one order, so that two that add the same never wait for each other.
      const insert = (source: string, now: DateTime.Utc) => sql`
        insert into deliveries (id, notification_id, place, user_id, channel, category, status, email_sha256, charged_on,
          is_charged, created_at, updated_at)
        select id, notification_id, place, user_id, channel, category, 'pending', email_sha256, charged_on,
          charged_on is not null, ${DateTime.toDate(now)}::timestamptz, ${DateTime.toDate(now)}::timestamptz
        from asked ${sql.literal(source)} order by notification_id, place
        on conflict do nothing returning id`

      return {
        recipients: (userIds) =>
          rows(RecipientRow)(sql`
            select ${settings}, to_char(n.do_not_disturb_start, 'HH24:MI:SS') as "doNotDisturbStart",
              to_char(n.do_not_disturb_end, 'HH24:MI:SS') as "doNotDisturbEnd", u.id as "userId", u.email,
              u.is_active as "isActive", u.is_verified as "isVerified", p.timezone, n.cap_epoch as "capEpoch",
              n.version::int as "preferencesVersion", s.user_id is not null as "isSuppressed"
            from unnest(${userIds}::uuid[]) as asked (user_id)
            cross join lateral (select * from users where id = asked.user_id offset 0) as u
            cross join lateral (select * from profiles where user_id = asked.user_id offset 0) as p
            cross join lateral (select * from notification_preferences where user_id = asked.user_id offset 0) as n
            left join lateral (
              select user_id from suppressions where user_id = asked.user_id and email = u.email offset 0
            ) as s on true`),

        liveTokens: (userIds) =>
          rows(LiveTokenRow)(sql`
            select live.id, live.user_id as "userId", token, platform, token_type as "tokenType"
            from unnest(${userIds}::uuid[]) as asked (user_id)
            cross join lateral (
              select * from push_tokens where user_id = asked.user_id and is_active offset 0
            ) as live
            order by last_used_at desc, id desc`),

        known: (notificationIds) =>
          rows(KnownRow)(sql`
            select d.id, d.notification_id as "notificationId", d.place, d.user_id as "userId", d.channel, d.category,
              d.is_charged as "isCharged"
            from unnest(${notificationIds}::text[]) as asked (notification_id)
            cross join lateral (
              select * from deliveries where notification_id = asked.notification_id offset 0
            ) as d`),

        charged: (days) =>
          rows(ChargedRow)(sql`
            select asked.user_id as "userId", asked.day::text, array(
                select d.notification_id from deliveries d
                where d.user_id = asked.user_id and d.charged_on = asked.day and d.is_charged
              ) as "notificationIds"
            from unnest(
              ${days.map((asked) => asked.userId)}::uuid[], ${days.map((asked) => asked.day)}::date[],
              ${days.map((asked) => asked.capEpoch)}::integer[]
            ) as asked (user_id, day, cap_epoch)
            cross join lateral (
              select from notification_preferences where user_id = asked.user_id and cap_epoch = asked.cap_epoch offset 0
            ) as unmoved`),

        // The user first, as an erasure does: what is to be deleted is waited for before anything is held that it needs.
        add: (records, now) =>
          ids(sql`
            with asked as (${asked(records)}), unmoved as materialized (
              select u.id as user_id from unnest(
                ${records.map((record) => record.userId)}::uuid[], ${records.map((record) => record.capEpoch)}::integer[]
              ) as told (user_id, cap_epoch)
              join users u on u.id = told.user_id
              join notification_preferences n on n.user_id = u.id and n.cap_epoch = told.cap_epoch
              order by u.id for key share of u for share of n
            )
            ${insert("where user_id in (select user_id from unmoved)", now)}`),

        lockCounts: (userIds) =>
          Effect.asVoid(sql`
            select 1 from unnest(${userIds}::uuid[]) as asked (user_id) join notification_preferences n using (user_id)
            order by user_id for no key update of n`),

        write: (userIds, records, now) =>
          ids(sql`
            with asked as (${asked(records)}), moved as (
              update notification_preferences n set cap_epoch = n.cap_epoch + 1
              from unnest(${userIds}::uuid[]) as told (user_id) where n.user_id = told.user_id
            ), added as (
              ${insert("where is_new", now)}
            ), changed as (
              update deliveries d set
                channel = asked.channel,
                category = coalesce(d.category, asked.category),
                email_sha256 = coalesce(asked.email_sha256, d.email_sha256),
                charged_on = coalesce(asked.charged_on, d.charged_on),
                is_charged = d.is_charged or asked.charged_on is not null
              from asked where d.id = asked.id and not asked.is_new
              returning d.id
            )
            select id from added union all select id from changed`),

        page: Effect.fnUntraced(function* (userId, { channel, status }, request) {
          const matching = sql`
            user_id = ${userId}
            ${channel === undefined ? sql`` : sql`and channel = ${channel}`}
            ${status === undefined ? sql`` : sql`and status = ${status}`}`
          const [items, { total }] = yield* Effect.all(
            [
              rows(DeliveryRow)(sql`
                select ${columns} from deliveries where ${matching}
                order by created_at desc, id desc limit ${request.limit} offset ${offset(request)}`),
              onlyRow(CountRow)(sql`select count(*)::int as total from deliveries where ${matching}`)
            ],
            { concurrency: 2 }
          )
          return { items: items.map((row) => new Delivery(row, { disableChecks: true })), total }
        })
      }
    })
  )
}
