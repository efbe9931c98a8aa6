import { Config, Context, Duration } from "effect"

/** How long sessions and their tokens live. */
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
  }
>()("@user-service/core/sessions/SessionSettings") {}

const positive = (name: string, fallback: number) => Config.Int(name).pipe(Config.withDefault(fallback))

/** `ACCESS_TOKEN_LIFETIME_MINUTES`, `REFRESH_TOKEN_LIFETIME_DAYS`, `SESSION_MAX_DAYS` and `REFRESH_GRACE_SECONDS`. */
export const config: Config.Config<SessionSettings["Service"]> = Config.all({
  accessLifetime: Config.map(positive("ACCESS_TOKEN_LIFETIME_MINUTES", 60), Duration.minutes),
  refreshLifetime: Config.map(positive("REFRESH_TOKEN_LIFETIME_DAYS", 7), Duration.days),
  maxLifetime: Config.map(positive("SESSION_MAX_DAYS", 90), Duration.days),
  refreshGrace: Config.map(positive("REFRESH_GRACE_SECONDS", 10), Duration.seconds)
})
