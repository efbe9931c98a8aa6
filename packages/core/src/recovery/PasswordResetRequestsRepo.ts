import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CurrentOrigin } from "../Origin.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

const RequestRow = Schema.Struct({
  id: Schema.String,
  /** The active account with this address. */
  userId: Columns.userId,
  ip: Schema.NullOr(Schema.String),
  userAgent: Schema.String
})
/** A request with the account that it is for. */
export type ResetRequest = typeof RequestRow.Type

const WaitingRow = Schema.Struct({ waiting: Schema.Int, oldest: Schema.NullOr(Columns.time) })

/** The statements on requested password resets. */
export class PasswordResetRequestsRepo extends Context.Service<
  PasswordResetRequestsRepo,
  {
    /** Writes one row, whether the address is known or not. */
    readonly insert: (
      email: { readonly spelling: string; readonly canonical: string },
      now: DateTime.Utc
    ) => Query<void>
    /**
     * Requests of active accounts since `since`, the oldest first and at most `limit`, without those of accounts that another
     * transaction has locked: they would keep the others waiting. Looks at no more than the oldest `10 * limit` requests.
     * Addresses are looked up as at a login.
     */
    readonly pending: (since: DateTime.Utc, limit: number) => Query<ReadonlyArray<ResetRequest>>
    /**
     * Deletes those of the oldest `limit` requests that were made before `before` or have no active account. Returns their
     * number.
     */
    readonly removeMoot: (before: DateTime.Utc, limit: number) => Query<number>
    /** Deletes the requests and returns the ids of those that existed. */
    readonly remove: (ids: ReadonlyArray<string>) => Query<ReadonlyArray<string>>
    /** The number of requests, counted to `maxCount`, and the time of the oldest. */
    readonly waiting: (maxCount: number) => Query<typeof WaitingRow.Type>
  }
>()("@user-service/core/recovery/PasswordResetRequestsRepo") {
  static readonly layer = Layer.effect(
    PasswordResetRequestsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      // The account with the address of the request `r`, whose exact spelling comes first.
      const account = sql.literal(`(
        select id, is_active from users where lower(email) = r.email or email_canonical = r.email_canonical
        order by lower(email) = r.email desc limit 1
      )`)

      return {
        insert: Effect.fnUntraced(function* ({ canonical, spelling }, now) {
          const { ip, userAgent } = yield* CurrentOrigin
          yield* sql`
            insert into password_reset_requests ${sql.insert({
              email: spelling,
              email_canonical: canonical,
              ip,
              user_agent: userAgent,
              created_at: DateTime.toDate(now)
            })}`
        }),

        pending: (since, limit) =>
          rows(RequestRow)(sql`
            select r.id, u.id as "userId", r.ip, r.user_agent as "userAgent"
            from (select * from password_reset_requests order by id limit ${10 * limit}) r
            cross join lateral ${account} found
            join users u on u.id = found.id and u.is_active
            where r.created_at >= ${DateTime.toDate(since)}
            order by r.id limit ${limit} for no key update of u skip locked`),

        removeMoot: (before, limit) =>
          Effect.map(
            sql`
              delete from password_reset_requests where id = any(array(
                select r.id from (select * from password_reset_requests order by id limit ${limit}) r
                left join lateral ${account} found on true
                where r.created_at < ${DateTime.toDate(before)} or found.is_active is not true))
              returning 1`,
            (removed: ReadonlyArray<unknown>) => removed.length
          ),

        waiting: (maxCount) =>
          onlyRow(WaitingRow)(sql`
            select count(*)::int as waiting, min(created_at) as oldest
            from (select created_at from password_reset_requests order by id limit ${maxCount}) as waiting`),

        remove: (ids) =>
          Effect.map(
            rows(Schema.Struct({ id: Schema.String }))(sql`
              delete from password_reset_requests where id = any(${ids}::uuid[]) returning id`),
            (removed) => removed.map(({ id }) => id)
          )
      }
    })
  )
}
