// The counters of fixed-window limits in Redis (decision 0008).
import { Effect, Metric } from "effect"
import { Redis } from "effect/persistence"
import { capacity, type Counters, type Hit } from "./Counters.ts"
import * as ExpiringMap from "./ExpiringMap.ts"
import type { RedisHealth } from "./Redis.ts"

/** A bucket as this process knows it. Its count in the window is `shared + local`. */
interface LocalBucket {
  /** The last count from Redis. */
  readonly shared: number
  /** Attempts that were counted only here, because Redis did not answer. */
  readonly local: number
  /** The number of failed Redis commands at the last count. If it has changed, Redis may have lost its count. */
  readonly failures: number
}

export const fallbacks = Metric.counter("rate_limits_fallbacks_total", {
  description: "Attempts counted in the process because Redis was out of reach",
  incremental: true
})

interface HitOptions {
  readonly key: string
  readonly limit: number
  readonly windowMillis: number
  /** The bucket of this process, if Redis may not know it, with the rest of its window. Counted before the attempt. */
  readonly known: (LocalBucket & { readonly millisLeft: number }) | undefined
}

// Effect's RateLimiter is not used: there each attempt extends the window by its share, so that the first of ten attempts in
// five minutes opens a window of 30 seconds.
const hitScript = Redis.script(
  ({ key, known, limit, windowMillis }: HitOptions) => [
    key,
    limit,
    windowMillis,
    ...(known === undefined ? [] : [known.shared, known.local, known.millisLeft])
  ],
  {
    numberOfKeys: 1,
    lua: `
local limit = tonumber(ARGV[1])
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if ARGV[3] then
  local known = math.min(limit, math.max(count, tonumber(ARGV[3])) + tonumber(ARGV[4]))
  if known > count then
    count = redis.call('INCRBY', KEYS[1], known - count)
    if left < 0 then
      left = tonumber(ARGV[5])
      redis.call('PEXPIRE', KEYS[1], left)
    end
  end
end
if count >= limit and left >= 0 then return { count + 1, left } end
count = redis.call('INCR', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { count, left }
`
  }
).withReturnType<Hit>()

// A script, because DECR on a missing key would create a bucket of -1 that never expires.
const refundScript = Redis.script((key: string) => [key], {
  numberOfKeys: 1,
  lua: `if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then return redis.call('DECR', KEYS[1]) end return 0`
})

/**
 * Counts in Redis and remembers each bucket in the process. While Redis is unreachable the process continues from its own
 * count, and adds it to Redis afterwards, because Redis may have lost its count. An attempt whose answer was lost may be counted
 * twice, but never goes uncounted. The circuit breaker of the connection (RedisCircuit.ts) makes an outage cheap.
 */
export const make = (redis: Redis.Redis["Service"], health: RedisHealth["Service"]): Counters => {
  const hitShared = redis.eval(hitScript)
  const refundShared = redis.eval(refundScript)
  const buckets = ExpiringMap.make<LocalBucket>(capacity)
  // Buckets whose local attempts are being sent to Redis, which must not be added twice.
  const sending = new Set<string>()

  const hitLocally = (key: string, limit: number, windowMillis: number, now: number): Hit => {
    const known = buckets.get(key, now)
    if (known === undefined) {
      buckets.set(key, { shared: 0, local: 1, failures: -1 }, now + windowMillis, now)
      return [1, windowMillis]
    }
    const count = known.shared + known.local
    if (count < limit) buckets.update(key, now, (bucket) => ({ ...bucket, local: bucket.local + 1 }))
    return [count + 1, buckets.remaining(key, now)]
  }

  // Local attempts that were not part of this hit remain to be sent.
  const merge = (key: string, answer: LocalBucket, millisLeft: number, now: number) => {
    const local = Math.max(0, (buckets.get(key, now)?.local ?? 0) - answer.local)
    const failures = local > 0 ? -1 : answer.failures
    buckets.set(key, { shared: answer.shared, local, failures }, now + millisLeft, now)
  }

  const refundKnown = (key: string, now: number) =>
    buckets.update(key, now, (bucket) =>
      bucket.local > 0 ? { ...bucket, local: bucket.local - 1 } : { ...bucket, shared: Math.max(0, bucket.shared - 1) }
    )

  return {
    hit: (key, limit, windowMillis) =>
      Effect.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        const failures = health.failures()
        const bucket = buckets.get(key, now)
        const known = bucket === undefined || bucket.failures === failures || sending.has(key) ? undefined : bucket
        const options = {
          key,
          limit,
          windowMillis,
          known: known && { ...known, millisLeft: buckets.remaining(key, now) }
        }
        const hit = Effect.matchEffect(hitShared(options), {
          onFailure: () =>
            Effect.andThen(
              Metric.update(fallbacks, 1),
              Effect.sync(() => hitLocally(key, limit, windowMillis, clock.currentTimeMillisUnsafe()))
            ),
          onSuccess: ([count, millisLeft]) =>
            Effect.sync((): Hit => {
              const answer = { shared: Math.min(count, limit), local: known?.local ?? 0, failures }
              merge(key, answer, millisLeft, clock.currentTimeMillisUnsafe())
              return [count, millisLeft]
            })
        })
        if (known === undefined) return hit
        sending.add(key)
        return Effect.ensuring(
          hit,
          Effect.sync(() => sending.delete(key))
        )
      }),
    // Clears both, so that the next outage does not restore the count.
    clear: (key) =>
      Effect.suspend(() => {
        buckets.delete(key)
        return Effect.ignore(redis.send("del", key))
      }),
    refund: (key) =>
      Effect.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        const isLocal = (buckets.get(key, now)?.local ?? 0) > 0
        refundKnown(key, now)
        return isLocal ? Effect.void : Effect.ignore(refundShared(key))
      })
  }
}
