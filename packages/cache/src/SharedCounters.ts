import { Effect, Metric } from "effect"
import { Redis } from "effect/persistence"
import { capacity, type Counters, type Hit } from "./Counters.ts"
import * as ExpiringMap from "./ExpiringMap.ts"
import type { RedisHealth } from "./Redis.ts"

/** A bucket as this process knows it. Its count in the window is `shared + local`. */
interface LocalBucket {
  /** The last count from Redis, including the reserved attempts. */
  readonly shared: number
  /** Attempts that Redis has counted in advance and that this process has not made yet. */
  readonly reserved: number
  /** Attempts that were counted only here, because Redis did not answer. */
  readonly local: number
  /** The number of failed Redis commands at the last count. If it has changed, Redis may have lost its count. */
  readonly failures: number
}

const fallbacks = Metric.counter("rate_limits_fallbacks_total", {
  description: "Attempts counted in the process, Redis being out of reach",
  incremental: true
})

interface HitOptions {
  readonly key: string
  readonly limit: number
  readonly windowMillis: number
  /** The bucket of this process, if Redis may not know it, with the rest of its window. Counted before the attempt. */
  readonly known: (LocalBucket & { readonly millisLeft: number }) | undefined
}

/** The answer of Redis to a hit. `reserved` is the number of attempts that it counted in advance. */
type SharedHit = readonly [...Hit, reserved: number]

// A process reserves attempts in advance while many are left: a sixteenth of the rest, at most 16. This saves a round trip per
// attempt, which costs a twentieth of a small write. Never more than the limit pass. Reserved attempts that the process does
// not use are lost to other processes until the window ends, at most a sixteenth of the limit.
//
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
if count >= limit and left >= 0 then return { count + 1, left, 0 } end
local taken = math.max(1, math.min(16, math.floor((limit - count) / 16)))
redis.call('INCRBY', KEYS[1], taken)
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { count + 1, left, taken - 1 }
`
  }
).withReturnType<SharedHit>()

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
      buckets.set(key, { shared: 0, reserved: 0, local: 1, failures: -1 }, now + windowMillis, now)
      return [1, windowMillis]
    }
    const count = known.shared + known.local
    if (count < limit) buckets.update(key, now, (bucket) => ({ ...bucket, local: bucket.local + 1 }))
    return [count + 1, buckets.remaining(key, now)]
  }

  // Local attempts that were not part of this hit remain to be sent.
  const merge = (key: string, answer: LocalBucket, millisLeft: number, now: number) => {
    const before = buckets.get(key, now)
    const local = Math.max(0, (before?.local ?? 0) - answer.local)
    const reserved = (before?.reserved ?? 0) + answer.reserved
    const failures = local > 0 ? -1 : answer.failures
    buckets.set(key, { shared: answer.shared, reserved, local, failures }, now + millisLeft, now)
  }

  const hitReserved = (key: string, now: number): Hit | undefined => {
    const known = buckets.get(key, now)
    if (known === undefined || known.reserved === 0) return undefined
    buckets.update(key, now, (bucket) => ({ ...bucket, reserved: bucket.reserved - 1 }))
    return [known.shared - known.reserved + 1, buckets.remaining(key, now)]
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
        const reservedHit = hitReserved(key, now)
        if (reservedHit !== undefined) return Effect.succeed(reservedHit)
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
              Effect.sync(() => {
                const failedAt = clock.currentTimeMillisUnsafe()
                return hitReserved(key, failedAt) ?? hitLocally(key, limit, windowMillis, failedAt)
              })
            ),
          onSuccess: ([count, millisLeft, reserved]) =>
            Effect.sync((): Hit => {
              const shared = Math.min(count + reserved, limit)
              // `now` is the time of the request, so that no reserved attempt is made after the end of the window.
              merge(key, { shared, reserved, local: known?.local ?? 0, failures }, millisLeft, now)
              // Concurrent attempts of this process may have reserved the last ones.
              return (count > limit ? hitReserved(key, now) : undefined) ?? [count, millisLeft]
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
