import { shortDurationConfig } from "@user-service/domain/ShortDuration"
import { Config, Context, type Duration } from "effect"

/**
 * How long after a device was last seen its token is stale, and how much later it is of no use to anyone. The push services
 * say 30 and 270 days (Firebase, "Best practices for FCM registration token management").
 */
export class StalePushTokenSettings extends Context.Service<
  StalePushTokenSettings,
  {
    readonly silencedAfter: Duration.Duration
    readonly removedAfter: Duration.Duration
  }
>()("@user-service/core/retention/StalePushTokenSettings") {
  /** `PUSH_TOKEN_STALE_AFTER` and `PUSH_TOKEN_REMOVED_AFTER`. */
  static readonly config: Config.Config<StalePushTokenSettings["Service"]> = Config.all({
    silencedAfter: shortDurationConfig("PUSH_TOKEN_STALE_AFTER", "30d"),
    removedAfter: shortDurationConfig("PUSH_TOKEN_REMOVED_AFTER", "270d")
  })
}
