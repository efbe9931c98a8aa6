import { shortDurationConfig } from "@user-service/domain/ShortDuration"
import { Config, Context, type Duration } from "effect"

/**
 * How long after a device was last seen its token is deactivated and deleted. The defaults follow Firebase, "Best practices
 * for FCM registration token management".
 */
export class StalePushTokenSettings extends Context.Service<
  StalePushTokenSettings,
  {
    /** When the token is deactivated. */
    readonly silencedAfter: Duration.Duration
    /** When the token is deleted. */
    readonly removedAfter: Duration.Duration
  }
>()("@user-service/core/retention/StalePushTokenSettings") {
  /** `PUSH_TOKEN_STALE_AFTER` and `PUSH_TOKEN_REMOVED_AFTER`. */
  static readonly config: Config.Config<StalePushTokenSettings["Service"]> = Config.all({
    silencedAfter: shortDurationConfig("PUSH_TOKEN_STALE_AFTER", "30d"),
    removedAfter: shortDurationConfig("PUSH_TOKEN_REMOVED_AFTER", "270d")
  })
}
