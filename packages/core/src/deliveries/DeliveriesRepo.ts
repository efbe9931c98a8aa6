import type { ChargedDay, DayOfUser } from "@user-service/domain/deliveries/DailyQuota"
import type {
  DecisionBasis,
  DecisionRecord,
  DeliveryRecord,
  KnownDelivery,
  PlanRecipient
} from "@user-service/domain/deliveries/DeliveryPlan"
import { Category, Channel, Delivery, DeliveryStatus, type NotificationId } from "@user-service/domain/Delivery"
import { offset, type Page, type PageRequest } from "@user-service/domain/Page"
import { PreferenceSettings, switches } from "@user-service/domain/Preferences"
import { Platform, TokenType } from "@user-service/domain/PushToken"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema, String } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CountRow, onlyRow, type Query, rows } from "../Rows.ts"
import { isNotSilenced } from "../SessionCutoff.ts"

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
  /** The version of the user's daily quota counts in Redis. A change of charges outside Redis increments it, which discards them. */
  capEpoch: Schema.Int,
  preferencesVersion: Schema.Int
})

/** A user with the preferences and facts that the delivery rules need. */
export interface RecipientRow extends PlanRecipient {
  readonly userId: UserId
  readonly isVerified: boolean
}

const LiveTokenRow = Schema.Struct({
  id: Columns.pushTokenId,
  userId: Columns.userId,
  token: Columns.deviceToken,
  platform: Platform,
  tokenType: TokenType
})

/** A live push token with its secret text. */
export type RecipientToken = typeof LiveTokenRow.Type

const KnownRow = Schema.Struct({
  id: deliveryId,
  notificationId,
  place: Schema.Int,
  /** Null after the user is erased. */
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

/** A stored delivery. */
export const DeliveryRow = Schema.Struct({
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

/** The columns of a {@link DeliveryRow}. */
export const deliveryColumns = `id, notification_id as "notificationId", channel, category, status, error,
  error_code as "errorCode", provider, created_at as "createdAt", updated_at as "updatedAt"`

/** Selects a user's deliveries. An absent field selects all. */
export interface DeliveryFilter {
  readonly channel?: Channel
  readonly status?: DeliveryStatus
}

const IdRow = Schema.Struct({ id: deliveryId })

const basisFields = ["send_at", "utc_offset", "preferences_version", "frequency_limit", "charged_count"]

// No time zone has this offset.
const noOffset = -9999

/** Each query is one statement for any number of users and notifications. */
export class DeliveriesRepo extends Context.Service<
  DeliveriesRepo,
  {
    /** The users that exist. */
    readonly recipients: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<RecipientRow>>
    /** The live tokens of the users, the most recently used first. */
    readonly liveTokens: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<RecipientToken>>
    readonly known: (notificationIds: ReadonlyArray<NotificationId>) => Query<ReadonlyArray<KnownDelivery>>
    /** The notifications charged to each day, possibly none. Leaves out users whose `capEpoch` has changed. */
    readonly charged: (days: ReadonlyArray<DayOfUser>) => Query<ReadonlyArray<ChargedDay>>
    /**
     * Inserts the new rows and returns the ids of the inserted ones. Leaves out rows that another transaction has inserted,
     * and rows of users that no longer exist or whose `capEpoch` has changed. The epochs cannot change before the commit.
     * Also writes the decisions, except those about users that no longer exist.
     */
    readonly add: (
      records: ReadonlyArray<DeliveryRecord>,
      decisions: ReadonlyArray<DecisionRecord>,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<string>>
    /**
     * Locks the users' daily quota counts in id order, so that no other transaction charges them. The lock order is: users,
     * counts, deliveries.
     */
    readonly lockCounts: (userIds: ReadonlyArray<UserId>) => Query<void>
    /** Increments the `capEpoch` of the locked users, writes the records and the decisions, and returns the ids of the records. */
    readonly write: (
      userIds: ReadonlyArray<UserId>,
      records: ReadonlyArray<DeliveryRecord>,
      decisions: ReadonlyArray<DecisionRecord>,
      now: DateTime.Utc
    ) => Query<ReadonlyArray<string>>
    /** The newest first. */
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
      const columns = sql.literal(deliveryColumns)
      const ids = (statement: Query<ReadonlyArray<unknown>>) =>
        Effect.map(rows(IdRow)(statement), (found) => found.map(({ id }) => id))

      const basisNames = sql.literal(basisFields.join(", "))
      const basisColumns = sql.literal(
        `send_at, nullif(utc_offset, ${noOffset}) as utc_offset, nullif(preferences_version, -1) as preferences_version,
          nullif(frequency_limit, -1) as frequency_limit, nullif(charged_count, -1) as charged_count`
      )
      const basisAssignments = sql.literal(basisFields.map((name) => `${name} = excluded.${name}`).join(", "))
      const basisArrays = (records: ReadonlyArray<{ readonly basis: DecisionBasis }>) => sql`
        ${records.map(({ basis }) => DateTime.toDate(basis.at))}::timestamptz[],
        ${records.map(({ basis }) => basis.utcOffset ?? noOffset)}::smallint[],
        ${records.map(({ basis }) => basis.preferencesVersion ?? -1)}::bigint[],
        ${records.map(({ basis }) => basis.frequencyLimit ?? -1)}::smallint[],
        ${records.map(({ basis }) => basis.charged ?? -1)}::smallint[]`

      // The statements join arrays instead of comparing with `any`: a generic plan made for a small table scans it and would
      // compare each row with up to a thousand values. Reads use `lateral` and `offset 0` for one index lookup per element:
      // the planner otherwise guesses the number of elements and scans tables of some thousand rows. Empty texts stand for
      // null, because an array of only nulls has no type.
      const recordRows = (records: ReadonlyArray<DeliveryRecord>) => sql`
        select id, is_new, notification_id, place, user_id, channel, category,
          case when email <> '' then sha256(convert_to(email, 'UTF8')) end as email_sha256,
          nullif(charged_on, '')::date as charged_on, ${basisColumns}
        from unnest(
          ${records.map((record) => record.id)}::uuid[], ${records.map((record) => record.isNew)}::boolean[],
          ${records.map((record) => record.notificationId)}::text[], ${records.map((record) => record.place)}::smallint[],
          ${records.map((record) => record.userId)}::uuid[], ${records.map((record) => record.channel)}::text[],
          ${records.map((record) => record.category)}::text[], ${records.map((record) => record.email ?? "")}::text[],
          ${records.map((record) => record.chargedOn ?? "")}::text[], ${basisArrays(records)}
        ) as requested (id, is_new, notification_id, place, user_id, channel, category, email, charged_on,
          ${basisNames})`

      const decisionRows = (decisions: ReadonlyArray<DecisionRecord>) => sql`
        select notification_id, user_id, channel, category, decision, nullif(rule, '') as rule,
          nullif(until, '')::timestamptz as until, ${basisColumns}
        from unnest(
          ${decisions.map((record) => record.notificationId)}::text[], ${decisions.map((record) => record.userId)}::uuid[],
          ${decisions.map((record) => record.channel)}::text[], ${decisions.map((record) => record.category)}::text[],
          ${decisions.map((record) => record.decision.decision)}::text[],
          ${decisions.map((record) => record.decision.rule ?? "")}::text[],
          ${decisions.map(({ decision: { until } }) => (until === null ? "" : DateTime.formatIso(until)))}::text[],
          ${basisArrays(decisions)}
        ) as decided (notification_id, user_id, channel, category, decision, rule, until, ${basisNames})`

      // In a fixed order, as below. An older decision does not replace a newer one.
      const writeDecisions = (decisions: ReadonlyArray<DecisionRecord>, condition: string, now: DateTime.Utc) => sql`
        insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, until, decided_at,
          ${basisNames})
        select notification_id, user_id, channel, category, decision, rule, until, ${DateTime.toDate(now)}::timestamptz,
          ${basisNames}
        from (${decisionRows(decisions)}) as decided ${sql.literal(condition)}
        order by notification_id, user_id, channel
        on conflict (notification_id, user_id, channel) do update set
          category = excluded.category, decision = excluded.decision, rule = excluded.rule, until = excluded.until,
          decided_at = excluded.decided_at, ${basisAssignments}
        where delivery_decisions.decided_at <= excluded.decided_at`

      // In a fixed order, so that two transactions that insert the same rows do not deadlock.
      const insert = (source: string, now: DateTime.Utc) => sql`
        insert into deliveries (id, notification_id, place, user_id, channel, category, status, email_sha256, charged_on,
          is_charged, created_at, updated_at, decided_at, ${basisNames})
        select id, notification_id, place, user_id, channel, category, 'pending', email_sha256, charged_on,
          charged_on is not null, decided_at, decided_at, decided_at, ${basisNames}
        from (select ${DateTime.toDate(now)}::timestamptz as decided_at) as call, requested ${sql.literal(source)} order by notification_id, place
        on conflict do nothing returning id`

      // Locks the users against deletion, so that an erasure finds the decisions about them.
      const recordDecisions = (decisions: ReadonlyArray<DecisionRecord>, now: DateTime.Utc) => sql`
        present_users as materialized (
          select u.id from unnest(${decisions.map((record) => record.userId)}::uuid[]) as decided (user_id)
          join users u on u.id = decided.user_id order by u.id for key share of u
        ), decided as (
          ${writeDecisions(decisions, "where rule = 'user_unknown' or user_id in (select id from present_users)", now)}
        )`

      return {
        recipients: (userIds) =>
          rows(RecipientRow)(sql`
            select ${settings}, to_char(n.do_not_disturb_start, 'HH24:MI:SS') as "doNotDisturbStart",
              to_char(n.do_not_disturb_end, 'HH24:MI:SS') as "doNotDisturbEnd", u.id as "userId", u.email,
              u.is_active as "isActive", u.is_verified as "isVerified", p.timezone, n.cap_epoch as "capEpoch",
              n.version::int as "preferencesVersion", s.user_id is not null as "isSuppressed"
            from unnest(${userIds}::uuid[]) as requested (user_id)
            cross join lateral (select * from users where id = requested.user_id offset 0) as u
            cross join lateral (select * from profiles where user_id = requested.user_id offset 0) as p
            cross join lateral (select * from notification_preferences where user_id = requested.user_id offset 0) as n
            left join lateral (
              select user_id from suppressions where user_id = requested.user_id and email = u.email offset 0
            ) as s on true`),

        liveTokens: (userIds) =>
          rows(LiveTokenRow)(sql`
            select live.id, live.user_id as "userId", token, platform, token_type as "tokenType"
            from unnest(${userIds}::uuid[]) as requested (user_id)
            cross join lateral (
              select * from push_tokens t
              where user_id = requested.user_id and is_active and ${isNotSilenced(sql, "t")} offset 0
            ) as live
            order by last_used_at desc, id desc`),

        known: (notificationIds) =>
          rows(KnownRow)(sql`
            select d.id, d.notification_id as "notificationId", d.place, d.user_id as "userId", d.channel, d.category,
              d.is_charged as "isCharged"
            from unnest(${notificationIds}::text[]) as requested (notification_id)
            cross join lateral (
              select * from deliveries where notification_id = requested.notification_id offset 0
            ) as d`),

        charged: (days) =>
          rows(ChargedRow)(sql`
            select requested.user_id as "userId", requested.day::text, array(
                select d.notification_id from deliveries d
                where d.user_id = requested.user_id and d.charged_on = requested.day and d.is_charged
              ) as "notificationIds"
            from unnest(
              ${days.map(({ userId }) => userId)}::uuid[], ${days.map(({ day }) => day)}::date[],
              ${days.map(({ capEpoch }) => capEpoch)}::integer[]
            ) as requested (user_id, day, cap_epoch)
            cross join lateral (
              select from notification_preferences where user_id = requested.user_id and cap_epoch = requested.cap_epoch offset 0
            ) as unchanged_users`),

        // Locks the user first, as an erasure does, so that the two do not deadlock.
        add: (records, decisions, now) =>
          records.length === 0
            ? Effect.as(sql`with ${recordDecisions(decisions, now)} select 1`, [])
            : ids(sql`
            with ${decisions.length === 0 ? sql`` : sql`${recordDecisions(decisions, now)},`}
            requested as (${recordRows(records)}), unchanged_users as materialized (
              select u.id as user_id from unnest(
                ${records.map((record) => record.userId)}::uuid[], ${records.map((record) => record.capEpoch)}::integer[]
              ) as expected (user_id, cap_epoch)
              join users u on u.id = expected.user_id
              join notification_preferences n on n.user_id = u.id and n.cap_epoch = expected.cap_epoch
              order by u.id for key share of u for share of n
            )
            ${insert("where user_id in (select user_id from unchanged_users)", now)}`),

        lockCounts: (userIds) =>
          Effect.asVoid(sql`
            select 1 from unnest(${userIds}::uuid[]) as requested (user_id) join notification_preferences n using (user_id)
            order by user_id for no key update of n`),

        // The users that exist are locked already.
        write: (userIds, records, decisions, now) =>
          ids(sql`
            with ${decisions.length === 0 ? sql`` : sql`decided as (${writeDecisions(decisions, "", now)}),`}
            requested as (${recordRows(records)}), epochs as (
              update notification_preferences n set cap_epoch = n.cap_epoch + 1
              from unnest(${userIds}::uuid[]) as locked (user_id) where n.user_id = locked.user_id
            ), added as (
              ${insert("where is_new", now)}
            ), changed as (
              update deliveries d set
                channel = requested.channel,
                category = coalesce(d.category, requested.category),
                email_sha256 = coalesce(requested.email_sha256, d.email_sha256),
                charged_on = coalesce(requested.charged_on, d.charged_on),
                is_charged = d.is_charged or requested.charged_on is not null,
                decided_at = ${DateTime.toDate(now)}::timestamptz,
                ${sql.literal(basisFields.map((name) => `${name} = requested.${name}`).join(", "))}
              from requested where d.id = requested.id and not requested.is_new
              returning d.id
            )
            select id from added union all select id from changed`),

        page: Effect.fnUntraced(function* (userId, { channel, status }, request) {
          const condition = sql`
            user_id = ${userId}
            ${channel === undefined ? sql`` : sql`and channel = ${channel}`}
            ${status === undefined ? sql`` : sql`and status = ${status}`}`
          const [items, { total }] = yield* Effect.all(
            [
              rows(DeliveryRow)(sql`
                select ${columns} from deliveries where ${condition}
                order by created_at desc, id desc limit ${request.limit} offset ${offset(request)}`),
              onlyRow(CountRow)(sql`select count(*)::int as total from deliveries where ${condition}`)
            ],
            { concurrency: 2 }
          )
          return { items: items.map((row) => new Delivery(row, { disableChecks: true })), total }
        })
      }
    })
  )
}
