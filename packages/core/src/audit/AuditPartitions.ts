import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** The partitions of the audit log, one per month. */
export class AuditPartitions extends Context.Service<
  AuditPartitions,
  {
    /** Creates the missing partitions of this month and the next `months`. */
    readonly ensure: (months: number) => Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/core/audit/AuditPartitions") {
  static readonly layer = Layer.effect(
    AuditPartitions,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage.Storage

      const ensure = Effect.fn("AuditPartitions.ensure")((months: number) =>
        storage.transaction(
          Effect.gen(function* () {
            // Creating a partition locks the whole log for a moment. While it waits for that lock, all writers wait behind it.
            yield* sql`set local lock_timeout = '500ms'`
            yield* sql`select ensure_audit_partitions(${months}::int)`
          })
        )
      )

      return { ensure }
    })
  )
}
