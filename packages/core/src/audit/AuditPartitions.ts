import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** The months of the audit log. */
export class AuditPartitions extends Context.Service<
  AuditPartitions,
  {
    /** Makes this month's and those of the next `months`, where they are not there yet. */
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
            // A new one shuts the whole log for a moment. Where that must be waited for, so must all who want to write to it.
            yield* sql`set local lock_timeout = '500ms'`
            yield* sql`select ensure_audit_partitions(${months}::int)`
          })
        )
      )

      return { ensure }
    })
  )
}
