// Fixed-window limits, which Effect's RateLimiter does not have (decision 0008).
import { type RateLimit, RateLimited } from "@user-service/domain/RateLimit"
import { Context, Duration, Effect, Layer, Metric } from "effect"
import { Redis } from "effect/persistence"
import { hash } from "node:crypto"
import * as Counters from "./Counters.ts"
import { RedisHealth } from "./Redis.ts"
import * as SharedCounters from "./SharedCounters.ts"

/** The state of a bucket after a permitted attempt. */
export interface RateLimitState {
  readonly limit: number
  readonly remaining: number
  readonly resetAfterSeconds: number
}

/**
 * Rate limits with fixed windows. A window opens with the first attempt and lasts its full time. Refused attempts are not
 * counted. Of any number of concurrent attempts exactly `limit` pass.
 *
 * While Redis is unreachable each process continues from the last count it had from Redis. When Redis is back, the process
 * adds the attempts that it counted alone. So an outage resets no bucket in a process that has counted its attempts.
 */
export class RateLimits extends Context.Service<
  RateLimits,
  {
    readonly consume: (limit: RateLimit, key: string) => Effect.Effect<RateLimitState, RateLimited>
    /** Empties the bucket and closes its window. */
    readonly clear: (limit: RateLimit, key: string) => Effect.Effect<void>
    /** Refunds one attempt without changing the window. Does nothing if the bucket is empty or absent. */
    readonly refund: (limit: RateLimit, key: string) => Effect.Effect<void>
  }
>()("@user-service/cache/RateLimits") {
  /** Shared by all processes that use the same Redis. */
  static readonly layerRedis: Layer.Layer<RateLimits, never, Redis.Redis | RedisHealth> = Layer.effect(
    RateLimits,
    Effect.gen(function* () {
      yield* Metric.update(SharedCounters.fallbacks, 0)
      return make(SharedCounters.make(yield* Redis.Redis, yield* RedisHealth))
    })
  )
  /** In memory. */
  static readonly layerMemory: Layer.Layer<RateLimits> = Layer.effect(
    RateLimits,
    Effect.sync(() => make(Counters.makeMemory()))
  )
}

const refusals = Metric.counter("rate_limits_refused_total", {
  description: "Attempts refused by a rate limit",
  incremental: true
})
const make = (counters: Counters.Counters): RateLimits["Service"] => ({
  consume: Effect.fnUntraced(function* (limit, key) {
    const [count, millisLeft] = yield* counters.hit(bucket(limit, key), limit.limit, Duration.toMillis(limit.window))
    const resetAfterSeconds = Math.max(1, Math.ceil(millisLeft / 1000))
    if (count <= limit.limit) return { limit: limit.limit, remaining: limit.limit - count, resetAfterSeconds }
    yield* Metric.update(Metric.withAttributes(refusals, { policy: limit.name }), 1)
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

// Hashed, because the key may be an e-mail or IP address, which must not be stored in Redis.
const bucket = (limit: RateLimit, key: string): string => `limits:${limit.name}:${hash("sha256", key, "hex")}`
