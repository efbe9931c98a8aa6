import { RateLimits } from "@user-service/cache/RateLimits"
import type { RateLimit, RateLimited } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Cause, Context, Effect, Layer, Option } from "effect"
import { ActRefused } from "../Actor.ts"
import { LimitSettings } from "./LimitSettings.ts"

/** A bucket of a limit: the count of one key. */
export interface Bucket {
  readonly limit: keyof LimitSettings["Service"]
  readonly key: string
}

/** A class of tagged errors. */
export type ErrorClass = abstract new (...input: ReadonlyArray<never>) => { readonly _tag: string }

/** Rate limits against guessing and flooding. */
export class Limits extends Context.Service<
  Limits,
  {
    /**
     * Counts the attempt in each bucket, in order, and then runs it. Fails with `RateLimited` if a bucket is full. If the
     * attempt fails with `ServiceUnavailable` or one of the `uncounted` errors, or is refused to staff (`ActRefused`), the counts are
     * given back.
     */
    readonly guard: (
      buckets: ReadonlyArray<Bucket>,
      uncounted?: ReadonlyArray<ErrorClass>
    ) => <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    /**
     * As `guard`, but counts only failures: the counts are given back if the attempt succeeds. Attempts in progress count too,
     * so that concurrent ones cannot exceed the limit.
     */
    readonly guardFailures: (
      buckets: ReadonlyArray<Bucket>
    ) => <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    /**
     * As `guard`, but counts only attempts that succeed with a result that `isCounted`: the counts of others are given back, except of
     * those that are interrupted or die, which may have done their work, unless they are refused to staff. Attempts in progress count too.
     */
    readonly guardSuccesses: <A>(
      buckets: ReadonlyArray<Bucket>,
      isCounted: (result: A) => boolean
    ) => <E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    readonly clear: (bucket: Bucket) => Effect.Effect<void>
  }
>()("@user-service/core/limits/Limits") {
  static readonly layer = Layer.effect(
    Limits,
    Effect.gen(function* () {
      const limits = yield* RateLimits
      const settings = yield* LimitSettings

      const forEachBucket = <A, E>(
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

      const guard: Limits["Service"]["guard"] =
        (buckets, uncounted = []) =>
        (attempt) =>
          Effect.andThen(
            forEachBucket(buckets, limits.consume),
            Effect.tapCause(attempt, (cause) => {
              const error = Cause.squash(cause)
              return [ServiceUnavailable, ActRefused, ...uncounted].some(
                (uncountedError) => error instanceof uncountedError
              )
                ? forEachBucket(buckets, limits.refund)
                : Effect.void
            })
          )

      const guardSuccesses: Limits["Service"]["guardSuccesses"] =
        <A>(buckets: ReadonlyArray<Bucket>, isCounted: (result: A) => boolean) =>
        <E, R>(attempt: Effect.Effect<A, E, R>) => {
          const refund = forEachBucket(buckets, limits.refund)
          return Effect.andThen(
            forEachBucket(buckets, limits.consume),
            Effect.flatMap(
              Effect.tapCause(attempt, (cause) =>
                Cause.hasFails(cause) || Cause.squash(cause) instanceof ActRefused ? refund : Effect.void
              ),
              (result) => (isCounted(result) ? Effect.succeed(result) : Effect.as(refund, result))
            )
          )
        }

      return {
        guard,
        guardSuccesses,
        guardFailures: (buckets) => (attempt) =>
          guard(buckets)(Effect.tap(attempt, forEachBucket(buckets, limits.refund))),
        clear: (bucket) => forEachBucket([bucket], limits.clear)
      }
    })
  )
}
