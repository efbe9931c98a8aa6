import { RateLimits } from "@user-service/cache/RateLimits"
import type { RateLimit, RateLimited } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer, Option, Predicate } from "effect"
import { LimitSettings } from "./LimitSettings.ts"

/** One bucket: which limit, and whose. */
export interface Bucket {
  readonly limit: keyof LimitSettings["Service"]
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
  static readonly layer = Layer.effect(
    Limits,
    Effect.gen(function* () {
      const limits = yield* RateLimits
      const settings = yield* LimitSettings

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
