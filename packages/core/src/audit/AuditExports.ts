import type { AuditLogEntry } from "@user-service/domain/AuditLogEntry"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Record, Stream } from "effect"
import { Changes } from "../changes/Changes.ts"
import type { RowKey } from "../Cursors.ts"
import { Limits } from "../limits/Limits.ts"
import { PagedReads } from "../PagedReads.ts"
import { type AuditFilter, AuditLogRepo } from "./AuditLogRepo.ts"

/** The number of entries that an export reads at once. */
export const batchSize = 500

/**
 * Exports the audit log, the newest entries first (decision 0041). An export has one batch in memory, and no connection or transaction
 * between two batches, however slow its reader is. Entries that are written meanwhile are newer, and not part of it.
 */
export class AuditExports extends Context.Service<
  AuditExports,
  {
    /**
     * Counts the export in the limit of `userId` and records it in the audit log, as an act of `userId` on their own account.
     * The entries are read when they are consumed. `authorise` runs before each batch.
     */
    readonly open: <E>(
      userId: UserId,
      filter: AuditFilter,
      authorise: Effect.Effect<void, E>
    ) => Effect.Effect<
      Stream.Stream<AuditLogEntry, E | ServiceUnavailable>,
      UserNotFound | RateLimited | ServiceUnavailable
    >
  }
>()("@user-service/core/audit/AuditExports") {
  static readonly layerNoDeps = Layer.effect(
    AuditExports,
    Effect.gen(function* () {
      const repo = yield* AuditLogRepo
      const changes = yield* Changes
      const limits = yield* Limits
      const { read } = yield* PagedReads

      const open = Effect.fn("AuditExports.open")(function* <E>(
        userId: UserId,
        filter: AuditFilter,
        authorise: Effect.Effect<void, E>
      ) {
        const audit = [{ userId, action: "audit.exported", details: detailsOf(filter) }]
        yield* limits.guard([{ limit: "auditExport", key: userId }])(
          changes.change(userId, Effect.succeed({ result: undefined, events: [], audit }))
        )
        return Stream.paginate<RowKey | undefined, AuditLogEntry, E | ServiceUnavailable>(undefined, (after) =>
          Effect.map(Effect.andThen(authorise, read(repo.page(filter, batchSize, after))), ({ items, next }) => [
            items,
            Option.fromUndefinedOr(next)
          ])
        )
      })

      return { open }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([AuditLogRepo.layer, Changes.layer, Limits.layer, PagedReads.layer])
  )
}

const detailsOf = ({ from, to, ...values }: AuditFilter) => ({
  ...values,
  ...Record.map(
    Record.filter({ from, to }, (time) => time !== undefined),
    DateTime.formatIso
  )
})
