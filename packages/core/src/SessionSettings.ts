import { maxDays } from "@user-service/domain/ShortDuration"
import { Config, Context, Duration, Schema } from "effect"

const within = (minimum: number, maximum: number, name: string, fallback: number) =>
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })), name).pipe(Config.withDefault(fallback))

/** How long sessions and their tokens live, and how many there are. */
export class SessionSettings extends Context.Service<
  SessionSettings,
  {
    readonly accessLifetime: Duration.Duration
    /** Counted anew from each refresh ... */
    readonly refreshLifetime: Duration.Duration
    /** ... but never beyond this from the login on. */
    readonly maxLifetime: Duration.Duration
    /** How long a refresh token just replaced still answers with its successor. */
    readonly refreshGrace: Duration.Duration
    /** How many live sessions a user may have. */
    readonly maxSessions: number
  }
>()("@user-service/core/SessionSettings") {
  /**
   * `ACCESS_TOKEN_LIFETIME_MINUTES`, `REFRESH_TOKEN_LIFETIME_DAYS`, `SESSION_MAX_DAYS`, `REFRESH_GRACE_SECONDS` and
   * `MAX_SESSIONS`.
   */
  static readonly config: Config.Config<SessionSettings["Service"]> = Config.all({
    accessLifetime: Config.map(within(1, maxDays * 24 * 60, "ACCESS_TOKEN_LIFETIME_MINUTES", 60), Duration.minutes),
    refreshLifetime: Config.map(within(1, maxDays, "REFRESH_TOKEN_LIFETIME_DAYS", 7), Duration.days),
    maxLifetime: Config.map(within(1, maxDays, "SESSION_MAX_DAYS", 90), Duration.days),
    refreshGrace: Config.map(within(0, maxDays * 24 * 60 * 60, "REFRESH_GRACE_SECONDS", 10), Duration.seconds),
    maxSessions: within(1, 1_000_000, "MAX_SESSIONS", 50)
  })
}
