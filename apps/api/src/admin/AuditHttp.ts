import { AuditExports } from "@user-service/core/audit/AuditExports"
import { AuditLog } from "@user-service/core/audit/AuditLog"
import type { AuditFilter } from "@user-service/core/audit/AuditLogRepo"
import { LiveSessions } from "@user-service/core/cached/LiveSessions"
import { StaffSessions } from "@user-service/core/staff/StaffSessions"
import type { AuditLogEntry } from "@user-service/domain/AuditLogEntry"
import { hasRole, RoleTooLow } from "@user-service/domain/Role"
import { TokenInvalid } from "@user-service/domain/Token"
import type { UserId } from "@user-service/domain/User"
import { auditEntryBody } from "@user-service/schema/AuditEntry"
import { ndjson } from "@user-service/schema/http/admin/AuditApi"
import { CurrentStaff } from "@user-service/schema/http/admin/StaffAuthentication"
import { defaultLimit } from "@user-service/schema/http/Paging"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { type DateTime, Duration, Effect, Layer, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { makeExportOutcomes } from "../exports/ExportOutcomes.ts"
import { closeWhenIdle } from "../node/IdleConnection.ts"

interface AuditQuery {
  readonly user_id?: UserId
  readonly actor_id?: UserId
  readonly action?: string
  readonly from?: DateTime.Utc
  readonly to?: DateTime.Utc
}

const filterOf = ({ action, actor_id, from, to, user_id }: AuditQuery): AuditFilter => ({
  ...(user_id === undefined ? {} : { userId: user_id }),
  ...(actor_id === undefined ? {} : { actorId: actor_id }),
  ...(action === undefined ? {} : { action }),
  ...(from === undefined ? {} : { from }),
  ...(to === undefined ? {} : { to })
})

// A client that reads nothing for so long is gone, or keeps the connection for no purpose.
const idleTimeout = Duration.minutes(1)

const options = {
  contentType: ndjson,
  headers: { "content-disposition": `attachment; filename="audit.ndjson"` }
} as const

// One text for each batch that was read.
const linesOf = <E>(entries: Stream.Stream<AuditLogEntry, E>) =>
  Stream.mapArray(entries, (batch) => [batch.map((entry) => `${JSON.stringify(auditEntryBody(entry))}\n`).join("")])

/**
 * {@link AuditApi} on the audit log. An export is sent while it is read, as that of an account is (ExportsHttp.ts).
 */
export const AuditHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-audit",
  Effect.fn(function* (handlers) {
    const auditLog = yield* AuditLog
    const exports = yield* AuditExports
    const liveSessions = yield* LiveSessions
    const { roleOf } = yield* StaffSessions
    const report = yield* makeExportOutcomes({
      metric: "audit_exports_total",
      description:
        "Exports of the audit log whose head was sent with 200, by outcome; aborted: the client, the end of its session or role, or " +
        "the shutdown ended it",
      failure: "An export of the audit log was not completed"
    })

    // As a request is authenticated.
    const authorise = Effect.fnUntraced(function* ({ sessionId, userId }: CurrentStaff["Service"]) {
      if (!(yield* liveSessions.isAlive(userId, sessionId))) {
        return yield* new TokenInvalid({ reason: "revoked", userId })
      }
      const role = yield* roleOf(userId)
      if (role === null || !hasRole(role, "admin")) return yield* new RoleTooLow({ required: "admin" })
    })

    return handlers
      .handle("list", ({ query: { cursor, limit, ...query } }) =>
        Effect.map(
          auditLog.page({
            ...filterOf(query),
            limit: limit ?? defaultLimit,
            ...(cursor === undefined ? {} : { cursor })
          }),
          ({ items, nextCursor }) => ({ items: items.map(auditEntryBody), nextCursor })
        )
      )
      .handleRaw(
        "export",
        Effect.fnUntraced(function* ({ query, request }) {
          // The server sends no body, so nothing is read and nothing recorded.
          if (request.method === "HEAD") return HttpServerResponse.stream(Stream.empty, options)
          const staff = yield* CurrentStaff
          const entries = yield* exports.open(staff.userId, filterOf(query), authorise(staff))
          closeWhenIdle(request, idleTimeout)
          const text = linesOf(entries).pipe(
            Stream.onExit(report),
            Stream.encodeText,
            // The request id of the log line, among others.
            Stream.provideContext(yield* Effect.context())
          )
          return HttpServerResponse.stream(text, options)
        })
      )
  })
).pipe(
  narrowContext(AuditExports, AuditLog, LiveSessions, StaffSessions),
  Layer.provide([AuditExports.layer, AuditLog.layer, LiveSessions.layer, StaffSessions.layer])
)
