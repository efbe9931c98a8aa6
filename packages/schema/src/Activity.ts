import { ActivityRange } from "@user-service/domain/Activity"
import type { DeliveryStatus } from "@user-service/domain/Delivery"
import { Schema } from "effect"
import { Count } from "./Count.ts"
import { Timestamp } from "./Timestamp.ts"

const Series = Schema.Array(Schema.NullOr(Count))

const series = (description: string) => Series.annotateKey({ description })

const example = [0, 2, null]

/** The plots of the console. */
export const ActivityBody = Schema.Struct({
  range: ActivityRange,
  starts_at: Timestamp.annotateKey({ description: "The start of the first interval." }),
  step_seconds: Count.annotateKey({ description: "The length of an interval." }),
  registrations: series("Users who registered themselves. Not those that staff created or that were imported."),
  refused_logins: series(
    "Logins that were refused for the credentials, a missing role or a rate limit. Not those that an overload refused (503)."
  ),
  deliveries: Schema.Struct({
    pending: Series,
    sent: Series,
    failed: Series,
    delivered: Series,
    opened: Series,
    bounced: Series,
    complained: Series
  } satisfies Record<DeliveryStatus, unknown>).annotateKey({
    description: "Deliveries that reached each status. `pending` are those that were allowed."
  }),
  outbox_lag_seconds: series("The age of the oldest event that waited. The highest sample."),
  events_waiting: series("Events that waited to be published. The highest sample."),
  mails_waiting: series("Mails that waited to be published. The highest sample."),
  dead_letters_waiting: series("Dead letters. The highest sample.")
}).annotate({
  identifier: "Activity",
  description:
    "The activity of the service in intervals that follow one another: 60 of a minute, 96 of a quarter of an hour, or 168 of an " +
    "hour. The last one has ended. A value is null where nothing is known: before the first record, and where no worker took a sample.",
  examples: [
    {
      range: "hour",
      starts_at: "2026-11-24T09:02:00.000Z",
      step_seconds: 60,
      registrations: example,
      refused_logins: example,
      deliveries: {
        pending: example,
        sent: example,
        failed: example,
        delivered: example,
        opened: example,
        bounced: example,
        complained: example
      },
      outbox_lag_seconds: example,
      events_waiting: example,
      mails_waiting: example,
      dead_letters_waiting: example
    }
  ]
})
