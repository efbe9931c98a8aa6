import { Mail } from "@user-service/domain/Mail"
import { Context, DateTime, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Query } from "../Rows.ts"

/** How long a mail without a token waits for a queue that takes it. One with a token waits until the token expires. */
const noticeLifetime = Duration.hours(24)

const encodeMail = Schema.encodeEffect(Schema.toCodecJson(Mail))

const expiryOf = (mail: Mail, now: DateTime.Utc): DateTime.Utc =>
  "expiresAt" in mail ? mail.expiresAt : DateTime.addDuration(now, noticeLifetime)

/** The statements on the outbox of mails. */
export class MailOutboxRepo extends Context.Service<
  MailOutboxRepo,
  {
    /**
     * Writes the mails, and each as a delivery of category security with the mail's id, so that its bounce counts. Runs in the
     * transaction of the change that sends them.
     */
    readonly insert: (mails: ReadonlyArray<Mail>, traceparent: string | null, now: DateTime.Utc) => Query<void>
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

      return { insert }
    })
  )
}
