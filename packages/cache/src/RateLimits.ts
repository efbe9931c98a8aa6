import { type RateLimit, RateLimited } from "@user-service/domain/RateLimit"
import { Context, Duration, Effect, Layer, Metric } from "effect"
import { Redis } from "effect/persistence"
import { hash } from "node:crypto"
import * as ExpiringMap from "./ExpiringMap.ts"

/** Where a bucket stands after an attempt it let pass. */
export interface Consumed {
  readonly limit: number
  readonly remaining: number
  readonly resetAfterSeconds: number
}

/**
 * Counts attempts in fixed windows. A window opens with the first attempt and ends on its own, whatever comes in it; what
 * is refused is not counted. However many ask at once, exactly `limit` pass.
 *
 * With Redis out of reach every process counts for itself, from nothing: it never lets all pass, and never refuses all.
 */
export class RateLimits extends Context.Service<
  RateLimits,
  {
    readonly consume: (limit: RateLimit, key: string) => Effect.Effect<Consumed, RateLimited>
    /** Empties the bucket and ends its window. */
    readonly clear: (limit: RateLimit, key: string) => Effect.Effect<void>
    /** Gives one attempt back. The window stays, and so does a bucket that is empty or not there. */
    readonly refund: (limit: RateLimit, key: string) => Effect.Effect<void>
  }
>()("@user-service/cache/RateLimits") {
  /** Shared by all processes on the Redis. */
  static readonly layerRedis: Layer.Layer<RateLimits, never, Redis.Redis> = Layer.effect(
    RateLimits,
    Effect.map(Redis.Redis, (redis) => make(withFallback(countersInRedis(redis), countersInMemory())))
  )
  /** Within the process. */
  static readonly layerMemory: Layer.Layer<RateLimits> = Layer.effect(
    RateLimits,
    Effect.sync(() => make(countersInMemory()))
  )
}

// Of a hit, `count` includes it, and is above the limit where it was refused.
interface Counters<E = never> {
  readonly hit: (key: string, limit: number, windowMillis: number) => Effect.Effect<Hit, E>
  readonly clear: (key: string) => Effect.Effect<void, E>
  readonly refund: (key: string) => Effect.Effect<void, E>
}
type Hit = readonly [count: number, millisLeft: number]

const refused = Metric.counter("rate_limits_refused_total", {
  description: "Attempts refused by a rate limit",
  incremental: true
})
const fallbacks = Metric.counter("rate_limits_fallbacks_total", {
  description: "Attempts counted in the process, Redis being out of reach",
  incremental: true
})

const make = (counters: Counters): RateLimits["Service"] => ({
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

// Not effect's own store for its RateLimiter: there each attempt lengthens the window by a share of it, so the first of ten
// in five minutes opens one of thirty seconds.
const hitScript = Redis.script((key: string, limit: number, window: number) => [key, limit, window], {
  numberOfKeys: 1,
  lua: `
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if count >= tonumber(ARGV[1]) and left >= 0 then return { count + 1, left } end
count = redis.call('INCR', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { count, left }
`
}).withReturnType<Hit>()

// A script, since DECR alone would make a bucket of -1 that never ends.
const refundScript = Redis.script((key: string) => [key], {
  numberOfKeys: 1,
  lua: `if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then return redis.call('DECR', KEYS[1]) end return 0`
})

const countersInRedis = (redis: Redis.Redis["Service"]): Counters<Redis.RedisError> => ({
  hit: redis.eval(hitScript),
  clear: (key) => Effect.asVoid(redis.send("del", key)),
  refund: redis.eval(refundScript)
})

// A bucket takes some 200 bytes.
const capacity = 100_000

const countersInMemory = (): Counters => {
  const counts = ExpiringMap.make<number>(capacity)
  return {
    hit: (key, limit, windowMillis) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          const counted = counts.get(key, now)
          if (counted === undefined) counts.set(key, 1, now + windowMillis, now)
          else if (counted < limit) counts.update(key, now, (count) => count + 1)
          return [(counted ?? 0) + 1, counts.remaining(key, now)] as const
        })
      ),
    clear: (key) => Effect.sync(() => counts.delete(key)),
    refund: (key) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => counts.update(key, clock.currentTimeMillisUnsafe(), (count) => Math.max(0, count - 1)))
      )
  }
}

// The connection is its own circuit breaker (see Redis.ts): while Redis is away the first choice costs nothing.
const withFallback = (shared: Counters<Redis.RedisError>, own: Counters): Counters => ({
  hit: (key, limit, windowMillis) =>
    Effect.catch(shared.hit(key, limit, windowMillis), () =>
      Effect.andThen(Metric.update(fallbacks, 1), own.hit(key, limit, windowMillis))
    ),
  // In both: the next outage must not find what was cleared.
  clear: (key) => Effect.andThen(own.clear(key), Effect.ignore(shared.clear(key))),
  refund: (key) => Effect.catch(shared.refund(key), () => own.refund(key))
})
