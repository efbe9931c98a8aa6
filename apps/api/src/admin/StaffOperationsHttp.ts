import { Activity, type ActivityPlots } from "@user-service/core/activity/Activity"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { type Backlog, Backlogs } from "@user-service/core/staff/Backlogs"
import { StaffDeadLetters } from "@user-service/core/staff/StaffDeadLetters"
import type { ActivityRange } from "@user-service/domain/Activity"
import { DeadLetterId, DeadLetterNotFound } from "@user-service/domain/DeadLetter"
import { anyCase } from "@user-service/domain/Uuid"
import { deadLetterBody } from "@user-service/schema/DeadLetter"
import { defaultLimit } from "@user-service/schema/http/Paging"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { timestamp } from "@user-service/schema/Timestamp"
import { Duration, Effect, Layer, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"
import { asStaff } from "./StaffActs.ts"

const decodeId = Schema.decodeUnknownEffect(anyCase(DeadLetterId))

/** The dead letter of a path. A malformed id is unknown, like one that no letter has. */
const letterIn = ({ id }: { readonly id: string }) => Effect.mapError(decodeId(id), () => new DeadLetterNotFound())

const backlogBody = ({ oldest, waiting }: Backlog) => ({
  waiting,
  oldest_at: oldest === null ? null : timestamp(oldest)
})

const activityBody = (range: ActivityRange, { from, series, step }: ActivityPlots) => ({
  range,
  starts_at: timestamp(from),
  step_seconds: Duration.toSeconds(step),
  registrations: series.registrations,
  refused_logins: series.refused_logins,
  deliveries: {
    pending: series.deliveries_pending,
    sent: series.deliveries_sent,
    failed: series.deliveries_failed,
    delivered: series.deliveries_delivered,
    opened: series.deliveries_opened,
    bounced: series.deliveries_bounced,
    complained: series.deliveries_complained
  },
  outbox_lag_seconds: series.outbox_lag_seconds,
  events_waiting: series.events_waiting,
  mails_waiting: series.mails_waiting,
  dead_letters_waiting: series.dead_letters_waiting
})

/** {@link StaffOperationsApi} on the activity, the backlogs, the dead letters and the sessions of all users. */
export const StaffOperationsHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-operations",
  Effect.fn(function* (handlers) {
    const activity = yield* Activity
    const backlogs = yield* Backlogs
    const letters = yield* StaffDeadLetters
    const allSessions = yield* AllSessions
    return handlers.handleAll({
      outbox: () =>
        Effect.map(backlogs.find, ({ deadLetters, events, mails, passwordResets }) => ({
          events: { ...backlogBody(events), set_aside: events.setAside },
          mails: backlogBody(mails),
          password_resets: backlogBody(passwordResets),
          dead_letters: backlogBody(deadLetters)
        })),
      activity: ({ query: { range = "hour" } }) =>
        Effect.map(activity.find(range), (plots) => activityBody(range, plots)),
      listDeadLetters: ({ query: { limit = defaultLimit, ...query } }) =>
        Effect.map(letters.page({ ...query, limit }), ({ items, nextCursor }) => ({
          items: items.map(deadLetterBody),
          nextCursor
        })),
      replayDeadLetter: ({ params, payload: { reason } }) =>
        letterIn(params).pipe(Effect.flatMap(letters.requestReplay), asStaff(reason), Effect.map(deadLetterBody)),
      discardDeadLetter: ({ params, payload: { reason } }) =>
        letterIn(params).pipe(Effect.flatMap(letters.discard), asStaff(reason)),
      endAllSessions: ({ payload: { reason } }) =>
        allSessions.end.pipe(
          asStaff(reason),
          Effect.map((notBefore) => ({ not_before: timestamp(notBefore) }))
        )
    })
  })
).pipe(
  narrowContext(Activity, AllSessions, Backlogs, StaffDeadLetters),
  Layer.provide([Activity.layer, AllSessions.layer, Backlogs.layer, StaffDeadLetters.layer])
)
