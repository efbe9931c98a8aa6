import { Effect, Metric } from "effect"
import { Redis } from "effect/persistence"
import { capacity, type Counters, type Hit } from "./Counters.ts"
import * as ExpiringMap from "./ExpiringMap.ts"
import type { RedisHealth } from "./Redis.ts"

/** A bucket as this process knows it: together the attempts that it knows to have been counted in the window. */
interface Known {
  /** The last count Redis answered, the reserved attempts included. */
  readonly shared: number
  /** Attempts that are counted in Redis already and that this process has not made yet. */
  readonly reserved: number
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

/** What Redis answers to a hit: how many attempts it counted besides, in advance. */
type SharedHit = readonly [...Hit, reserved: number]

// While many attempts are left, a process reserves some of them in advance, a sixteenth of what is left and at most sixteen
// in all: to ask Redis for each costs a twentieth of a small write. No more than the limit ever pass. What a process has
// reserved and does not use is lost to the others until the window ends, at most a sixteenth of the limit.
//
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
      buckets.set(key, { shared: 0, reserved: 0, alone: 1, failures: -1 }, now + windowMillis, now)
      return [1, windowMillis]
    }
    const count = known.shared + known.alone
    if (count < limit) buckets.update(key, now, (bucket) => ({ ...bucket, alone: bucket.alone + 1 }))
    return [count + 1, buckets.remaining(key, now)]
  }

  // What was counted alone and did not go with this hit still has to go.
  const learn = (key: string, learnt: Known, millisLeft: number, now: number) => {
    const before = buckets.get(key, now)
    const alone = Math.max(0, (before?.alone ?? 0) - learnt.alone)
    const reserved = (before?.reserved ?? 0) + learnt.reserved
    const failures = alone > 0 ? -1 : learnt.failures
    buckets.set(key, { shared: learnt.shared, reserved, alone, failures }, now + millisLeft, now)
  }

  const hitReserved = (key: string, now: number): Hit | undefined => {
    const known = buckets.get(key, now)
    if (known === undefined || known.reserved === 0) return undefined
    buckets.update(key, now, (bucket) => ({ ...bucket, reserved: bucket.reserved - 1 }))
    return [known.shared - known.reserved + 1, buckets.remaining(key, now)]
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
        const reservedHit = hitReserved(key, now)
        if (reservedHit !== undefined) return Effect.succeed(reservedHit)
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
              Effect.sync(() => {
                const failedAt = clock.currentTimeMillisUnsafe()
                return hitReserved(key, failedAt) ?? hitAlone(key, limit, windowMillis, failedAt)
              })
            ),
          onSuccess: ([count, millisLeft, reserved]) =>
            Effect.sync((): Hit => {
              const shared = Math.min(count + reserved, limit)
              // From when Redis was asked, so that no reserved attempt is made after the end of the window.
              learn(key, { shared, reserved, alone: known?.alone ?? 0, failures }, millisLeft, now)
              // Attempts that came at the same time may have reserved the last ones.
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
