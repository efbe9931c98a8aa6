import { shortDurationConfig } from "@user-service/domain/ShortDuration"
import { Config, Context, type Duration } from "effect"

/** How long the worker keeps rows of tables that grow. */
export class RetentionSettings extends Context.Service<
  RetentionSettings,
  {
    /** How long a published event can be replayed. */
    readonly outbox: Duration.Duration
    /** How long a delivery is kept after its creation, whatever its status. */
    readonly deliveries: Duration.Duration
    /** How long a dead letter is kept for an operator. */
    readonly deadLetters: Duration.Duration
  }
>()("@user-service/worker/jobs/RetentionSettings") {
  /** `OUTBOX_RETENTION`, `DELIVERY_RETENTION` and `DEAD_LETTER_RETENTION`. */
  static readonly config: Config.Config<RetentionSettings["Service"]> = Config.all({
    outbox: shortDurationConfig("OUTBOX_RETENTION", "7d"),
    deliveries: shortDurationConfig("DELIVERY_RETENTION", "90d"),
    deadLetters: shortDurationConfig("DEAD_LETTER_RETENTION", "90d")
  })
}
