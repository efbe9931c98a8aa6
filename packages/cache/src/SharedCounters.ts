import { Effect, Metric } from "effect"
import { Redis } from "effect/persistence"
import { capacity, type Counters, type Hit } from "./Counters.ts"
import * as ExpiringMap from "./ExpiringMap.ts"
import type { RedisHealth } from "./Redis.ts"

/** A bucket as this process knows it: together the attempts that it knows to have been counted in the window. */
interface Known {
  /** The last count Redis answered. */
  readonly shared: number
  /** Attempts that were counted here since, while Redis did not answer. */
  readonly alone: number
  /** How many commands to Redis had failed by then: after another one Redis may have lost its count. */
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
  /** What this process knows and Redis may not, and what is left of its window: it counts before the attempt. */
  readonly known: (Known & { readonly millisLeft: number }) | undefined
}

// Not effect's own store for its RateLimiter: there each attempt lengthens the window by a share of it, so the first of ten
// in five minutes opens one of thirty seconds.
const hitScript = Redis.script(
  ({ key, known, limit, windowMillis }: HitOptions) => [
    key,
    limit,
    windowMillis,
    ...(known === undefined ? [] : [known.shared, known.alone, known.millisLeft])
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

// A script, since DECR alone would make a bucket of -1 that never ends.
const refundScript = Redis.script((key: string) => [key], {
  numberOfKeys: 1,
  lua: `if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then return redis.call('DECR', KEYS[1]) end return 0`
})

/**
 * Counts in Redis, and beside it what this process knows of each bucket: it goes on from there while Redis is out of reach,
 * and tells it to the Redis that comes back, which may have lost its own. An attempt whose answer was lost may be counted
 * twice, never not at all. The connection is its own circuit breaker (see Redis.ts): while Redis is away asking costs nothing.
 */
export const make = (redis: Redis.Redis["Service"], health: RedisHealth["Service"]): Counters => {
  const hitShared = redis.eval(hitScript)
  const refundShared = redis.eval(refundScript)
  const buckets = ExpiringMap.make<Known>(capacity)
  // Buckets whose count is on its way to Redis: the same attempts must not go twice.
  const sending = new Set<string>()

  const hitAlone = (key: string, limit: number, windowMillis: number, now: number): Hit => {
    const known = buckets.get(key, now)
    if (known === undefined) {
      buckets.set(key, { shared: 0, alone: 1, failures: -1 }, now + windowMillis, now)
      return [1, windowMillis]
    }
    const count = known.shared + known.alone
    if (count < limit) buckets.update(key, now, (bucket) => ({ ...bucket, alone: bucket.alone + 1 }))
    return [count + 1, buckets.remaining(key, now)]
  }

  // What was counted alone and did not go with this hit still has to go.
  const learn = (key: string, learnt: Known, millisLeft: number, now: number) => {
    const alone = Math.max(0, (buckets.get(key, now)?.alone ?? 0) - learnt.alone)
    buckets.set(
      key,
      { shared: learnt.shared, alone, failures: alone > 0 ? -1 : learnt.failures },
      now + millisLeft,
      now
    )
  }

  const refundKnown = (key: string, now: number) =>
    buckets.update(key, now, (bucket) =>
      bucket.alone > 0 ? { ...bucket, alone: bucket.alone - 1 } : { ...bucket, shared: Math.max(0, bucket.shared - 1) }
    )

  return {
    hit: (key, limit, windowMillis) =>
      Effect.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        const failures = health.failures()
        const bucket = buckets.get(key, now)
        const known = bucket === undefined || bucket.failures === failures || sending.has(key) ? undefined : bucket
        const asked = {
          key,
          limit,
          windowMillis,
          known: known && { ...known, millisLeft: buckets.remaining(key, now) }
        }
        const hit = Effect.matchEffect(hitShared(asked), {
          onFailure: () =>
            Effect.andThen(
              Metric.update(fallbacks, 1),
              Effect.sync(() => hitAlone(key, limit, windowMillis, clock.currentTimeMillisUnsafe()))
            ),
          onSuccess: ([count, millisLeft]) =>
            Effect.sync((): Hit => {
              const learnt = { shared: Math.min(count, limit), alone: known?.alone ?? 0, failures }
              learn(key, learnt, millisLeft, clock.currentTimeMillisUnsafe())
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
    // In both: the next outage must not find what was cleared.
    clear: (key) =>
      Effect.suspend(() => {
        buckets.delete(key)
        return Effect.ignore(redis.send("del", key))
      }),
    refund: (key) =>
      Effect.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        const isAlone = (buckets.get(key, now)?.alone ?? 0) > 0
        refundKnown(key, now)
        return isAlone ? Effect.void : Effect.ignore(refundShared(key))
      })
  }
}
