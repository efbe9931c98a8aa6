import { ActivityRange } from "@user-service/domain/Activity"
import { serviceActRoles } from "@user-service/domain/StaffRules"
import { textUpTo } from "@user-service/domain/Text"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ActivityBody } from "../../Activity.ts"
import { Count } from "../../Count.ts"
import { DeadLetterBody } from "../../DeadLetter.ts"
import { success, successCursorPage } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { Id } from "../../Id.ts"
import { requiredField } from "../../Input.ts"
import { Timestamp } from "../../Timestamp.ts"
import { describeOperation } from "../OperationDescription.ts"
import { CursorQuery } from "../Paging.ts"
import { Validation } from "../Validation.ts"
import { WriteLimit } from "../WriteLimit.ts"
import { Reason, reasonExample } from "./Reason.ts"
import { ReasonInput } from "./StaffActsApi.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

const params = { id: Id.annotate({ description: "The id of a dead letter." }) }

const backlogFields = {
  waiting: Count,
  oldest_at: Schema.NullOr(Timestamp).annotateKey({ description: "Null if nothing waits." })
}

const BacklogBody = Schema.Struct(backlogFields)

export const BacklogsBody = Schema.Struct({
  events: Schema.Struct({
    ...backlogFields,
    set_aside: Count.annotateKey({
      description: "Events that this release cannot read. They wait for a replay by another release."
    })
  }).annotateKey({ description: "Events that are not published yet." }),
  mails: BacklogBody.annotateKey({ description: "Mails that are not published yet." }),
  password_resets: BacklogBody.annotateKey({ description: "Requests for password resets that wait for a worker." }),
  dead_letters: BacklogBody.annotateKey({ description: "Messages that wait for an operator or a member of staff." })
}).annotate({
  identifier: "Backlogs",
  description: "The backlogs: the number of each, counted up to 10,000, and the time of the oldest.",
  examples: [
    {
      events: { waiting: 3, oldest_at: "2026-11-24T10:02:00.000Z", set_aside: 0 },
      mails: { waiting: 0, oldest_at: null },
      password_resets: { waiting: 0, oldest_at: null },
      dead_letters: { waiting: 1, oldest_at: "2026-11-23T08:15:00.000Z" }
    }
  ]
})

export const EndAllSessionsInput = Schema.Struct({
  reason: Reason,
  confirm: Schema.String.check(Schema.isPattern(/^all users$/, { message: 'Enter "all users".' })).annotateKey({
    ...requiredField,
    description: "`all users`, to prevent mistakes."
  })
}).annotate({ identifier: "EndAllSessionsInput", description: "The reason, and whose sessions end." })

const NotBefore = Schema.Struct({
  not_before: Timestamp.annotateKey({ description: "Sessions that were opened before this act have ended." })
}).annotate({
  identifier: "NotBefore",
  description: "The end of all sessions.",
  examples: [{ not_before: "2026-11-24T10:02:00.000Z" }]
})

/** What staff see of the operation of the service, and do about it. */
export class StaffOperationsApi extends HttpApiGroup.make("admin-operations")
  .add(
    HttpApiEndpoint.get("outbox", "/outbox/", {
      success: success("Outbox retrieved successfully", BacklogsBody),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "getOutbox",
          summary: "Read the backlogs",
          description: "The work that waits for workers and operators, and since when. Role: viewer."
        })
      ),
    HttpApiEndpoint.get("activity", "/activity/", {
      query: {
        range: Schema.optionalKey(ActivityRange).annotateKey({ description: "The time up to now. Default: `hour`." })
      },
      success: success("Activity retrieved successfully", ActivityBody),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "getActivity",
          summary: "Read the activity over time",
          description:
            "Registrations, refused logins, deliveries by status, and backlogs, for the plots of the console. Kept for a week. " +
            "Role: viewer."
        })
      ),
    HttpApiEndpoint.get("listDeadLetters", "/dead-letters/", {
      query: {
        reason: Schema.optionalKey(textUpTo(100)).annotateKey({
          description: "Only letters with this reason, exactly."
        }),
        ...CursorQuery
      },
      success: successCursorPage("Dead letters retrieved successfully", DeadLetterBody),
      error: [Failures.CursorInvalid, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "listDeadLetters",
          summary: "List the dead letters",
          description:
            "Messages that could not be processed, the oldest first, without their bodies and headers, which may have " +
            "addresses and push tokens. Role: viewer."
        })
      ),
    HttpApiEndpoint.post("replayDeadLetter", "/dead-letters/:id/replay/", {
      params,
      payload: ReasonInput,
      success: success("Replay requested", DeadLetterBody).pipe(HttpApiSchema.status(202)),
      error: [Failures.RoleTooLow, Failures.DeadLetterNotFound, Failures.DeadLetterCut, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, serviceActRoles.replay_dead_letter)
      .annotateMerge(
        describeOperation({
          id: "replayDeadLetter",
          summary: "Replay a dead letter",
          description:
            "A worker publishes the message to its queue within seconds, at least once, and then deletes the letter. Until then " +
            "the letter has `replay_requested_at`, and another request changes nothing. If the message fails again, it comes " +
            "back as a letter with another id. Role: support.",
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("discardDeadLetter", "/dead-letters/:id/discard/", {
      params,
      payload: ReasonInput,
      success: HttpApiSchema.NoContent.annotate({ description: "The dead letter is deleted." }),
      error: [Failures.RoleTooLow, Failures.DeadLetterNotFound, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, serviceActRoles.discard_dead_letter)
      .annotateMerge(
        describeOperation({
          id: "discardDeadLetter",
          summary: "Discard a dead letter",
          description: "Deletes the message. It cannot be undone. Role: support.",
          example: { reason: reasonExample }
        })
      )
      .middleware(WriteLimit),
    HttpApiEndpoint.post("endAllSessions", "/end-all-sessions/", {
      payload: EndAllSessionsInput,
      success: success("All sessions ended", NotBefore),
      error: [Failures.RoleTooLow, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, serviceActRoles.end_all_sessions)
      .annotateMerge(
        describeOperation({
          id: "endAllSessions",
          summary: "End all sessions of all users",
          description:
            "Every user has to log in again, also who asks. All processes refuse the sessions within a second. It cannot be " +
            "undone. Role: admin.",
          example: { reason: "Incident 12: a signing key was stolen", confirm: "all users" }
        })
      )
      .middleware(WriteLimit)
  )
  .middleware(Validation)
  .middleware(StaffAuthentication)
  .prefix("/api/v1/admin")
  .annotateMerge(
    OpenApi.annotations({
      title: "Staff: operations",
      description:
        "The backlogs, the activity over time, dead letters, and the end of all sessions. Every act requires a reason, which the audit log keeps."
    })
  ) {}
