import { Role } from "@user-service/domain/Role"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Columns from "../Columns.ts"
import type { EmailLookup } from "../accounts/AccountsRepo.ts"
import { firstRow, type Query, rows } from "../Rows.ts"

const AuthorityRow = Schema.Struct({
  userId: Columns.userId,
  role: Schema.NullOr(Role),
  isActive: Schema.Boolean
})

const SuppressionRow = Schema.Struct({ reason: Schema.String, createdAt: Columns.time })

const UserIdRow = Schema.Struct({ userId: Columns.userId })

/** A suppression of a user's address. */
export type SuppressionState = typeof SuppressionRow.Type

/** The statements of acts of staff. */
export class StaffChangesRepo extends Context.Service<
  StaffChangesRepo,
  {
    /** The active administrators, and those of the users that exist, in the order of their ids. */
    readonly authorities: (userIds: ReadonlyArray<UserId>) => Query<ReadonlyArray<typeof AuthorityRow.Type>>
    /** The account with exactly this spelling of its address, else the one with this canonical address. */
    readonly findByEmail: (email: EmailLookup) => Query<Option.Option<{ readonly userId: UserId }>>
    readonly setRole: (userId: UserId, role: Role | null, now: DateTime.Utc) => Query<void>
    readonly setActive: (userId: UserId, isActive: boolean, now: DateTime.Utc) => Query<void>
    /** Deletes the suppressions of the user and returns them. */
    readonly liftSuppressions: (userId: UserId) => Query<ReadonlyArray<SuppressionState>>
  }
>()("@user-service/core/staff/StaffChangesRepo") {
  static readonly layer = Layer.effect(
    StaffChangesRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columns = sql.literal(`id as "userId", role, is_active as "isActive"`)

      return {
        authorities: (userIds) =>
          rows(AuthorityRow)(sql`
            (select ${columns} from users where role = 'admin' and is_active)
            union
            (select ${columns} from users where id = any(${userIds}::uuid[]))
            order by "userId"`),

        findByEmail: ({ canonical, spelling }) =>
          firstRow(UserIdRow)(sql`
            select id as "userId" from users where lower(email) = ${spelling} or email_canonical = ${canonical}
            order by lower(email) = ${spelling} desc limit 1`),

        // `is_staff` is for older releases.
        setRole: (userId, role, now) =>
          Effect.asVoid(sql`
            update users set role = ${role}::text, is_staff = coalesce(${role}::text = 'admin', false),
              updated_at = ${DateTime.toDate(now)}
            where id = ${userId}`),

        setActive: (userId, isActive, now) =>
          Effect.asVoid(sql`
            update users set is_active = ${isActive}, updated_at = ${DateTime.toDate(now)} where id = ${userId}`),

        liftSuppressions: (userId) =>
          rows(SuppressionRow)(sql`
            delete from suppressions where user_id = ${userId} returning reason, created_at as "createdAt"`)
      }
    })
  )
}
