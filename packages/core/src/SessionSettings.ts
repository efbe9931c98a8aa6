import { maxDays } from "@user-service/domain/ShortDuration"
import { Config, Context, Duration, Schema } from "effect"

const boundedInt = (minimum: number, maximum: number, name: string, fallback: number) =>
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })), name).pipe(Config.withDefault(fallback))

/** After this time without a request a session of the console for staff ends. */
export const consoleIdleTime = Duration.minutes(30)

/** The lifetimes of sessions and their tokens, and the number of sessions. */
export class SessionSettings extends Context.Service<
  SessionSettings,
  {
    readonly accessLifetime: Duration.Duration
    /** From the last refresh, and so renewed by each refresh. */
    readonly refreshLifetime: Duration.Duration
    /** From the login. It bounds `refreshLifetime`. */
    readonly maxLifetime: Duration.Duration
    /** How long a replaced refresh token can still be exchanged for its successor. */
    readonly refreshGrace: Duration.Duration
    /** The maximal number of a user's live sessions. */
    readonly maxSessions: number
  }
>()("@user-service/core/SessionSettings") {
  /**
   * `ACCESS_TOKEN_LIFETIME_MINUTES`, `REFRESH_TOKEN_LIFETIME_DAYS`, `SESSION_MAX_DAYS`, `REFRESH_GRACE_SECONDS` and
   * `MAX_SESSIONS`.
   */
  static readonly config: Config.Config<SessionSettings["Service"]> = Config.all({
    accessLifetime: Config.map(boundedInt(1, maxDays * 24 * 60, "ACCESS_TOKEN_LIFETIME_MINUTES", 60), Duration.minutes),
    refreshLifetime: Config.map(boundedInt(1, maxDays, "REFRESH_TOKEN_LIFETIME_DAYS", 7), Duration.days),
    maxLifetime: Config.map(boundedInt(1, maxDays, "SESSION_MAX_DAYS", 90), Duration.days),
    refreshGrace: Config.map(boundedInt(0, maxDays * 24 * 60 * 60, "REFRESH_GRACE_SECONDS", 10), Duration.seconds),
    maxSessions: boundedInt(1, 1_000_000, "MAX_SESSIONS", 50)
  })
}
