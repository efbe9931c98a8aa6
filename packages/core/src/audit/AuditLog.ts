import type { AuditLogEntry } from "@user-service/domain/AuditLogEntry"
import type { CursorInvalid, CursorPage } from "@user-service/domain/Cursor"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { type CursorScope, Cursors, isMicroseconds } from "../Cursors.ts"
import { PagedReads } from "../PagedReads.ts"
import { type AuditFilter, AuditLogRepo } from "./AuditLogRepo.ts"

/** A page of the audit log. */
export interface AuditPageRequest extends AuditFilter {
  readonly limit: number
  readonly cursor?: string
}

/**
 * Reads the audit log for staff, the newest entries first (decision 0041). A page that the service cannot fill within its bounds is
 * shorter than `limit`, even empty, and has a `nextCursor`: the list goes on from there.
 */
export class AuditLog extends Context.Service<
  AuditLog,
  {
    readonly page: (
      request: AuditPageRequest
    ) => Effect.Effect<CursorPage<AuditLogEntry>, CursorInvalid | ServiceUnavailable>
  }
>()("@user-service/core/audit/AuditLog") {
  static readonly layerNoDeps = Layer.effect(
    AuditLog,
    Effect.gen(function* () {
      const repo = yield* AuditLogRepo
      const cursors = yield* Cursors
      const { read } = yield* PagedReads

      const page = Effect.fn("AuditLog.page")(function* (request: AuditPageRequest) {
        const { cursor, limit, ...filter } = request
        const scope = scopeOf(filter)
        const after =
          cursor === undefined
            ? undefined
            : yield* cursors.decode(scope, cursor, (value) => value !== null && isMicroseconds(value))
        const { items, next } = yield* read(repo.page(filter, limit, after))
        return { items, nextCursor: next === undefined ? null : yield* cursors.encode(scope, next) }
      })

      return { page }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([AuditLogRepo.layer, Cursors.layer, PagedReads.layer]))
}

const scopeOf = ({ action, actorId, from, to, userId }: AuditFilter): CursorScope => [
  "audit",
  userId ?? null,
  actorId ?? null,
  action ?? null,
  from === undefined ? null : DateTime.formatIso(from),
  to === undefined ? null : DateTime.formatIso(to)
]
