import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import { CurrentOrigin } from "../Origin.ts"
import { type Query, rows } from "../Rows.ts"

const RequestRow = Schema.Struct({
  id: Schema.String,
  /** The active account with this address, if there is one. */
  userId: Schema.NullOr(Columns.userId),
  ip: Schema.NullOr(Schema.String),
  userAgent: Schema.String,
  createdAt: Columns.time
})
/** A request with the account that it is for. */
export type ResetRequest = typeof RequestRow.Type

/** The statements on requested password resets. */
export class PasswordResetRequestsRepo extends Context.Service<
  PasswordResetRequestsRepo,
  {
    /** Writes one row, whether the address is known or not. */
    readonly insert: (
      email: { readonly spelling: string; readonly canonical: string },
      now: DateTime.Utc
    ) => Query<void>
    /** The oldest requests, at most `limit`. Addresses are looked up as at a login. */
    readonly oldest: (limit: number) => Query<ReadonlyArray<ResetRequest>>
    /** Deletes the requests and returns the ids of those that existed. */
    readonly remove: (ids: ReadonlyArray<string>) => Query<ReadonlyArray<string>>
  }
>()("@user-service/core/recovery/PasswordResetRequestsRepo") {
  static readonly layer = Layer.effect(
    PasswordResetRequestsRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
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

        oldest: (limit) =>
          rows(RequestRow)(sql`
            select r.id, u.id as "userId", r.ip, r.user_agent as "userAgent", r.created_at as "createdAt"
            from (select * from password_reset_requests order by id limit ${limit}) r
            left join lateral (
              select id, is_active from users
              where lower(email) = r.email or email_canonical = r.email_canonical
              order by lower(email) = r.email desc limit 1
            ) u on u.is_active
            order by r.id`),

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
