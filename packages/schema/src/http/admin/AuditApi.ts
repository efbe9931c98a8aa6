import { textUpTo } from "@user-service/domain/Text"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AuditEntryBody } from "../../AuditEntry.ts"
import { successCursorPage } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { TimeInput, UserIdInput } from "../../Input.ts"
import { describeOperation } from "../OperationDescription.ts"
import { CursorQuery } from "../Paging.ts"
import { Validation } from "../Validation.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

/** The selection of entries of the audit log. */
export const AuditQuery = {
  user_id: Schema.optionalKey(UserIdInput),
  actor_id: Schema.optionalKey(UserIdInput),
  action: Schema.optionalKey(textUpTo(100).annotateKey({ description: "The action, exactly." })),
  from: Schema.optionalKey(TimeInput),
  to: Schema.optionalKey(TimeInput)
}

/** The content type of an export of the audit log: a JSON value in each line. */
export const ndjson = "application/x-ndjson"

const AuditExport = Schema.String.annotate({
  description: "The entries, each as JSON in a line of its own.",
  examples: [`${JSON.stringify(Schema.resolveAnnotations(AuditEntryBody)?.examples?.[0])}\n`]
}).pipe(HttpApiSchema.asText({ contentType: ndjson }))

/** The audit log. */
export class AuditApi extends HttpApiGroup.make("admin-audit")
  .add(
    HttpApiEndpoint.get("list", "/audit/", {
      query: { ...AuditQuery, ...CursorQuery },
      success: successCursorPage("Audit log retrieved successfully", AuditEntryBody),
      error: [Failures.CursorInvalid, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "listAuditLog",
          summary: "Read the audit log",
          description:
            "The newest entries first. A page may have fewer entries than `limit`, even none, and still a `next_cursor`: a page " +
            "reads a bounded number of entries, and the list goes on from there. Role: viewer."
        })
      ),
    HttpApiEndpoint.get("export", "/audit/export/", {
      query: AuditQuery,
      success: AuditExport,
      error: [Failures.UserNotFound, Failures.RateLimited, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "admin")
      .annotateMerge(
        describeOperation({
          id: "exportAuditLog",
          summary: "Export the audit log",
          description:
            "All selected entries, the newest first, sent in chunks while they are read. If the export cannot be completed, the " +
            "connection is closed before the last chunk. It is also closed if the client reads nothing for a minute, and when " +
            "the session or the role of the member of staff ends. The audit log has an entry of the export. Role: admin."
        })
      )
  )
  .middleware(Validation)
  .middleware(StaffAuthentication)
  .prefix("/api/v1/admin")
  .annotateMerge(OpenApi.annotations({ title: "Staff: audit log", description: "Who did what, and when." })) {}
