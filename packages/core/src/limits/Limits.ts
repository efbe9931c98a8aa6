import { RateLimits } from "@user-service/cache/RateLimits"
import { type RateLimit, rateLimitConfig, type RateLimited } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Config, Context, Effect, Layer, Option, Predicate } from "effect"

/** The limits by what they guard; none where it is switched off. */
export interface LimitSettings {
  readonly register: Option.Option<RateLimit>
  readonly loginAccount: Option.Option<RateLimit>
  readonly loginIp: Option.Option<RateLimit>
  readonly refresh: Option.Option<RateLimit>
  readonly changePassword: Option.Option<RateLimit>
  /** Writes of a user that no other limit is for. */
  readonly write: Option.Option<RateLimit>
  /** Calls by service key. */
  readonly serviceKey: Option.Option<RateLimit>
  /** Service keys that are not good, by address. */
  readonly serviceKeyIp: Option.Option<RateLimit>
}

/** `RATE_LIMIT_*`, each as `10/5m` or `off`. */
export const config: Config.Config<LimitSettings> = Config.all({
  register: rateLimitConfig("RATE_LIMIT_REGISTER", "register", "5/1h"),
  loginAccount: rateLimitConfig("RATE_LIMIT_LOGIN_ACCOUNT", "login-account", "10/5m"),
  loginIp: rateLimitConfig("RATE_LIMIT_LOGIN_IP", "login-ip", "100/5m"),
  refresh: rateLimitConfig("RATE_LIMIT_REFRESH", "refresh", "30/1m"),
  changePassword: rateLimitConfig("RATE_LIMIT_CHANGE_PASSWORD", "change-password", "5/15m"),
  write: rateLimitConfig("RATE_LIMIT_WRITE", "write", "300/1m"),
  serviceKey: rateLimitConfig("RATE_LIMIT_SERVICE_KEY", "service-key", "60000/1m"),
  serviceKeyIp: rateLimitConfig("RATE_LIMIT_SERVICE_KEY_IP", "service-key-ip", "100/5m")
})

/** One bucket: which limit, and whose. */
export interface Bucket {
  readonly limit: keyof LimitSettings
  readonly key: string
}

/** Limits on what can be guessed or flooded. */
export class Limits extends Context.Service<
  Limits,
  {
    /**
     * Counts the attempt in each bucket, in order, and only then makes it. What fails for want of an engine or a place in
     * a queue was no attempt: it is given back. So is what fails with one of the `uncounted` tags.
     */
    readonly guard: (
      buckets: ReadonlyArray<Bucket>,
      uncounted?: ReadonlyArray<string>
    ) => <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    readonly clear: (bucket: Bucket) => Effect.Effect<void>
  }
>()("@user-service/core/limits/Limits") {
  static readonly layer = (settings: LimitSettings) =>
    Layer.effect(
      Limits,
      Effect.gen(function* () {
        const limits = yield* RateLimits

        const each = <A, E>(
          buckets: ReadonlyArray<Bucket>,
          use: (limit: RateLimit, key: string) => Effect.Effect<A, E>
        ) =>
          Effect.forEach(
            buckets,
            (bucket) =>
              Option.match(settings[bucket.limit], {
                onNone: () => Effect.void,
                onSome: (limit) => Effect.asVoid(use(limit, bucket.key))
              }),
            { discard: true }
          )

        return {
          guard:
            (buckets, uncounted = []) =>
            (attempt) =>
              Effect.andThen(
                each(buckets, limits.consume),
                Effect.tapError(attempt, (error) =>
                  error instanceof ServiceUnavailable || uncounted.some((tag) => Predicate.isTagged(error, tag))
                    ? each(buckets, limits.refund)
                    : Effect.void
                )
              ),
          clear: (bucket) => each([bucket], limits.clear)
        }
      })
    )
}
