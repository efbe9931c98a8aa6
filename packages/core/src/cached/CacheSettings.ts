import { shortDurationConfig } from "@user-service/domain/ShortDuration"
import { Config, Context, Duration } from "effect"

/** How long users and preferences are cached before they are read from the database again. */
export class CacheSettings extends Context.Service<
  CacheSettings,
  {
    readonly user: Duration.Duration
    readonly preferences: Duration.Duration
  }
>()("@user-service/core/cached/CacheSettings") {
  /**
   * `CACHE_TTL_USER`, `CACHE_TTL_PROFILE` and `CACHE_TTL_PREFERENCES`. A user is cached with the profile in one entry, so
   * its time to live is the shorter of the first two.
   */
  static readonly config: Config.Config<CacheSettings["Service"]> = Config.all({
    account: shortDurationConfig("CACHE_TTL_USER", "1h"),
    profile: shortDurationConfig("CACHE_TTL_PROFILE", "1h"),
    preferences: shortDurationConfig("CACHE_TTL_PREFERENCES", "24h")
  }).pipe(Config.map(({ account, preferences, profile }) => ({ user: Duration.min(account, profile), preferences })))
}
