import { type RateLimit, RateLimited } from "@user-service/domain/RateLimit"
import { Context, Duration, Effect, Layer, Metric } from "effect"
import { Redis } from "effect/persistence"
import { hash } from "node:crypto"
import * as Counters from "./Counters.ts"
import { RedisHealth } from "./Redis.ts"
import * as SharedCounters from "./SharedCounters.ts"

/** Where a bucket stands after an attempt it let pass. */
export interface RateLimitState {
  readonly limit: number
  readonly remaining: number
  readonly resetAfterSeconds: number
}

/**
 * Counts attempts in fixed windows. A window opens with the first attempt and ends on its own, whatever comes in it; what
 * is refused is not counted. However many ask at once, exactly `limit` pass.
 *
 * With Redis out of reach each process counts for itself, on from the last count it had from Redis; when Redis is back it
 * gets the attempts that were counted without it. So an outage gives nobody new attempts in a process that counted theirs.
 */
export class RateLimits extends Context.Service<
  RateLimits,
  {
    readonly consume: (limit: RateLimit, key: string) => Effect.Effect<RateLimitState, RateLimited>
    /** Empties the bucket and ends its window. */
    readonly clear: (limit: RateLimit, key: string) => Effect.Effect<void>
    /** Gives one attempt back. The window stays, and so does a bucket that is empty or not there. */
    readonly refund: (limit: RateLimit, key: string) => Effect.Effect<void>
  }
>()("@user-service/cache/RateLimits") {
  /** Shared by all processes on the Redis. */
  static readonly layerRedis: Layer.Layer<RateLimits, never, Redis.Redis | RedisHealth> = Layer.effect(
    RateLimits,
    Effect.gen(function* () {
      return make(SharedCounters.make(yield* Redis.Redis, yield* RedisHealth))
    })
  )
  /** Within the process. */
  static readonly layerMemory: Layer.Layer<RateLimits> = Layer.effect(
    RateLimits,
    Effect.sync(() => make(Counters.makeMemory()))
  )
}

const refused = Metric.counter("rate_limits_refused_total", {
  description: "Attempts refused by a rate limit",
  incremental: true
})
const make = (counters: Counters.Counters): RateLimits["Service"] => ({
  consume: Effect.fnUntraced(function* (limit, key) {
    const [count, millisLeft] = yield* counters.hit(bucket(limit, key), limit.limit, Duration.toMillis(limit.window))
    const resetAfterSeconds = Math.max(1, Math.ceil(millisLeft / 1000))
    if (count <= limit.limit) return { limit: limit.limit, remaining: limit.limit - count, resetAfterSeconds }
    yield* Metric.update(Metric.withAttributes(refused, { policy: limit.name }), 1)
    return yield* new RateLimited({
      policy: limit.name,
      limit: limit.limit,
      windowSeconds: Math.ceil(Duration.toSeconds(limit.window)),
      retryAfterSeconds: resetAfterSeconds
    })
  }),
  clear: (limit, key) => counters.clear(bucket(limit, key)),
  refund: (limit, key) => counters.refund(bucket(limit, key))
})

// Hashed, so that no address a person is known by stands in Redis.
const bucket = (limit: RateLimit, key: string): string => `limits:${limit.name}:${hash("sha256", key, "hex")}`
