// The statements of the outbox of mails (decision 0027).
import { Mail } from "@user-service/domain/Mail"
import { Context, DateTime, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

/** How long a mail without a token waits for a queue that takes it. One with a token waits until the token expires. */
const noticeLifetime = Duration.hours(24)

const encodeMail = Schema.encodeEffect(Schema.toCodecJson(Mail))

const expiryOf = (mail: Mail, now: DateTime.Utc): DateTime.Utc =>
  "expiresAt" in mail ? mail.expiresAt : DateTime.addDuration(now, noticeLifetime)

const MailRow = Schema.Struct({
  id: Schema.String,
  mailType: Schema.String,
  payload: Schema.Unknown,
  traceparent: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  createdAt: Columns.time
})

/** The row of a waiting mail. */
export type StoredMail = typeof MailRow.Type

const FinishedRow = Schema.Struct({ id: Schema.String, mailType: Schema.String })
const LagRow = Schema.Struct({ waiting: Schema.Int, oldest: Schema.NullOr(Columns.time) })

/** When an unconfirmed mail is published again. */
export interface Postponement {
  readonly id: string
  readonly until: DateTime.Utc
}

/** The statements on the outbox of mails. */
export class MailOutboxRepo extends Context.Service<
  MailOutboxRepo,
  {
    /**
     * Writes the mails, and each as a delivery of category security with the mail's id, so that its bounce counts. Runs in the
     * transaction of the change that sends them.
     */
    readonly insert: (mails: ReadonlyArray<Mail>, traceparent: string | null, now: DateTime.Utc) => Query<void>
    /**
     * Locks due mails that are not expired and that no other transaction has locked: at most `limit` new ones and as many that
     * were tried before, each by due time.
     */
    readonly take: (limit: number, now: DateTime.Utc) => Query<ReadonlyArray<StoredMail>>
    /** Removes the payloads of the mails: they are never published again. */
    readonly finish: (ids: ReadonlyArray<string>, now: DateTime.Utc) => Query<void>
    /** Counts an attempt of each mail. A mail is due again when it expires at the latest. */
    readonly postpone: (postponements: ReadonlyArray<Postponement>) => Query<void>
    /** Finishes at most `limit` expired mails and returns them. Their deliveries, if still pending, have failed. */
    readonly dropExpired: (limit: number, now: DateTime.Utc) => Query<ReadonlyArray<typeof FinishedRow.Type>>
    /** The number of waiting mails (counted to `maxCount`) and when the oldest of them was created. */
    readonly lag: (maxCount: number) => Query<typeof LagRow.Type>
  }
>()("@user-service/core/mails/MailOutboxRepo") {
  static readonly layer = Layer.effect(
    MailOutboxRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const rowOf = Effect.fnUntraced(function* (mail: Mail, now: DateTime.Utc) {
        return {
          user_id: mail.userId,
          email: mail.email,
          mail_type: mail._tag,
          payload: yield* Effect.orDie(encodeMail(mail)),
          expires_at: DateTime.toDate(expiryOf(mail, now))
        }
      })

      const insert = Effect.fnUntraced(function* (
        mails: ReadonlyArray<Mail>,
        traceparent: string | null,
        now: DateTime.Utc
      ) {
        const at = DateTime.toDate(now)
        const mailRows = yield* Effect.forEach(mails, (mail) => rowOf(mail, now))
        yield* sql`
          with mail as materialized (
            select uuid_v7() as id, row.*
            from jsonb_to_recordset(${JSON.stringify(mailRows)}::jsonb)
              as row (user_id uuid, email text, mail_type text, payload jsonb, expires_at timestamptz)
          ), delivery_rows as (
            insert into deliveries
              (id, notification_id, place, user_id, channel, category, status, email_sha256, created_at, updated_at)
            select id, id::text, 0, user_id, 'email', 'security', 'pending', sha256(convert_to(email, 'UTF8')),
              ${at}::timestamptz, ${at}::timestamptz
            from mail
          )
          insert into mail_outbox
            (id, user_id, mail_type, payload, traceparent, created_at, next_attempt_at, expires_at)
          select id, user_id, mail_type, payload, ${traceparent}::text, ${at}::timestamptz, ${at}::timestamptz, expires_at
          from mail`
      })

      const columns = sql.literal(
        `id, mail_type as "mailType", payload, traceparent, attempts, created_at as "createdAt"`
      )
      const due = (attempts: string, limit: number, now: Date) => sql`
        select ${columns} from mail_outbox
        where finished_at is null and ${sql.literal(attempts)} and next_attempt_at <= ${now} and expires_at > ${now}
        order by next_attempt_at limit ${limit} for update skip locked`

      const take = (limit: number, now: DateTime.Utc) => {
        const at = DateTime.toDate(now)
        return rows(MailRow)(sql`
          with first_attempts as (${due("attempts = 0", limit, at)}), retries as (${due("attempts > 0", limit, at)})
          select * from first_attempts union all select * from retries`)
      }

      const dropExpired = (limit: number, now: DateTime.Utc) => {
        const at = DateTime.toDate(now)
        return rows(FinishedRow)(sql`
          with dropped as (
            update mail_outbox set payload = null, finished_at = ${at}::timestamptz where id in (
              select id from mail_outbox where finished_at is null and expires_at <= ${at}
              order by expires_at limit ${limit} for update skip locked)
            returning id, mail_type as "mailType"
          ), failed as (
            update deliveries set status = 'failed', error_code = 'expired', updated_at = ${at}::timestamptz,
              error = 'No queue took the mail before it expired'
            from dropped where notification_id = dropped.id::text and place = 0 and status = 'pending'
          )
          select id, "mailType" from dropped`)
      }

      return {
        insert,
        take,

        finish: (ids, now) =>
          Effect.asVoid(sql`
            update mail_outbox set payload = null, finished_at = ${DateTime.toDate(now)} where id = any(${ids}::uuid[])`),

        postpone: (postponements) =>
          Effect.asVoid(sql`
            update mail_outbox set attempts = attempts + 1, next_attempt_at = least(postponement.until, expires_at)
            from jsonb_to_recordset(${JSON.stringify(postponements.map(postponementRow))}::jsonb)
              as postponement (id uuid, until timestamptz)
            where mail_outbox.id = postponement.id`),

        dropExpired,

        lag: (maxCount) =>
          onlyRow(LagRow)(sql`
            select count(*)::int as waiting, min(created_at) as oldest
            from (select created_at from mail_outbox where finished_at is null limit ${maxCount}) as waiting`)
      }
    })
  )
}

const postponementRow = ({ id, until }: Postponement) => ({ id, until: DateTime.formatIso(until) })
