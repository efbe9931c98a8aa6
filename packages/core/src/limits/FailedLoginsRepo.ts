import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import * as Columns from "../Columns.ts"
import { firstRow, type Query } from "../Rows.ts"

/** How many failed logins in a row an e-mail has before unknown addresses are refused. */
export const allowedFailures = 100

/** The row of an e-mail, and whether the account knows the address of the request. */
export interface FailedLoginKey {
  readonly emailHash: Uint8Array
  readonly isKnownAddress: boolean
}

const CountRow = Schema.Struct({ failures: Schema.Int })
const StateRow = Schema.Struct({ failures: Schema.Int, refusedUntil: Schema.NullOr(Columns.time) })
/** The failed logins in a row of an e-mail, and until when logins from unknown addresses are refused, null if they are not. */
export type FailedLoginState = typeof StateRow.Type

const EmailsRow = Schema.Struct({ spelling: Schema.String, canonical: Schema.NullOr(Schema.String) })

/** The statements on failed logins. */
export class FailedLoginsRepo extends Context.Service<
  FailedLoginsRepo,
  {
    /**
     * Counts an attempt as failed and returns the new count. None, without a change, if the attempt must be refused: the count is
     * full, the address is unknown, and an unknown address had a try within the last hour.
     */
    readonly count: (key: FailedLoginKey, now: DateTime.Utc) => Query<Option.Option<number>>
    /** Takes back a count; with `isTry`, also the try of this hour. */
    readonly refund: (emailHash: Uint8Array, isTry: boolean) => Query<void>
    /** Deletes the row after a login. A full count is only deleted by a login from a known address. */
    readonly clear: (key: FailedLoginKey) => Query<void>
    readonly remove: (emailHash: Uint8Array) => Query<void>
    /** The count of an e-mail as the next attempt would find it. */
    readonly state: (emailHash: Uint8Array, now: DateTime.Utc) => Query<FailedLoginState>
    /** The spelling of the user's address, and its canonical form unless another account has that. */
    readonly emails: (userId: UserId) => Query<Option.Option<typeof EmailsRow.Type>>
  }
>()("@user-service/core/limits/FailedLoginsRepo") {
  static readonly layer = Layer.effect(
    FailedLoginsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const timeOf = (now: DateTime.Utc) => sql`${DateTime.toDate(now)}::timestamptz`
      const isForgottenAt = (at: Statement.Fragment) => sql`f.last_failed_at <= ${at} - interval '30 days'`

      const count = Effect.fnUntraced(function* ({ emailHash, isKnownAddress }: FailedLoginKey, now: DateTime.Utc) {
        const at = timeOf(now)
        const isForgotten = isForgottenAt(at)
        const counted = yield* firstRow(CountRow)(sql`
          insert into failed_logins as f (email_hash, failures, last_failed_at) values (${emailHash}, 1, ${at})
          on conflict (email_hash) do update set
            failures = case when ${isForgotten} then 1 else f.failures + 1 end,
            last_failed_at = ${at},
            next_try_at = case
              when ${isForgotten} then null
              when ${isKnownAddress} or f.failures < ${allowedFailures} then f.next_try_at
              else ${at} + interval '1 hour' end
          where ${isKnownAddress} or f.failures < ${allowedFailures} or ${isForgotten}
            or f.next_try_at is null or f.next_try_at <= ${at}
          returning f.failures`)
        return Option.map(counted, ({ failures }) => failures)
      })

      const refund = (emailHash: Uint8Array, isTry: boolean) =>
        Effect.asVoid(sql`
          update failed_logins set failures = greatest(failures - 1, 0),
            next_try_at = case when ${isTry} then null else next_try_at end
          where email_hash = ${emailHash}`)

      // The count includes the attempt that succeeded.
      const clear = ({ emailHash, isKnownAddress }: FailedLoginKey) =>
        Effect.asVoid(sql`
          delete from failed_logins
          where email_hash = ${emailHash} and (${isKnownAddress} or failures <= ${allowedFailures})`)

      const remove = (emailHash: Uint8Array) =>
        Effect.asVoid(sql`delete from failed_logins where email_hash = ${emailHash}`)

      const state = (emailHash: Uint8Array, now: DateTime.Utc) => {
        const at = timeOf(now)
        return Effect.map(
          firstRow(StateRow)(sql`
            select failures,
              case when failures >= ${allowedFailures} and next_try_at > ${at} then next_try_at end as "refusedUntil"
            from failed_logins f where email_hash = ${emailHash} and not (${isForgottenAt(at)})`),
          Option.getOrElse(() => noFailures)
        )
      }

      const emails = (userId: UserId) =>
        firstRow(EmailsRow)(sql`
          select lower(email) as spelling, email_canonical as canonical from users where id = ${userId}`)

      return { count, refund, clear, remove, state, emails }
    })
  )
}

/** The state of an e-mail without failed logins. */
export const noFailures: FailedLoginState = { failures: 0, refusedUntil: null }
