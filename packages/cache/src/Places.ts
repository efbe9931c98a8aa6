import { Context, Data, Duration, Effect, Layer, Metric, Option } from "effect"
import { Redis } from "effect/persistence"
import { hash } from "node:crypto"
import * as ExpiringMap from "./ExpiringMap.ts"

/** Members that want a place each, of those under one key. */
export interface Claim {
  readonly key: string
  /** How many places there are. */
  readonly limit: number
  readonly members: ReadonlyArray<string>
  /** Who has a place already, as far as the caller knows. It is what counts where nothing is kept under the key. */
  readonly holders: Option.Option<ReadonlyArray<string>>
  /** How long the key is kept once it is. */
  readonly timeToLive: Duration.Duration
}

/** Which of a claim's members have a place now, in their order; none where nothing is kept and no holders were named. */
export type Taken = Option.Option<ReadonlyArray<boolean>>

/** Redis is out of reach. Some of the places may have been taken, or none. */
export class PlacesUnavailable extends Data.TaggedError("PlacesUnavailable")<{}> {}

/**
 * Places under keys, a limited number of each. Who has one keeps it, however often it is claimed; of however many that
 * claim one at once, exactly as many get one as there are. Members claim in their order.
 *
 * What is kept may be gone at any time, and is no authority: who claims says who has places by theirs. Any number of
 * claims is one round trip.
 */
export class Places extends Context.Service<
  Places,
  {
    readonly take: (claims: ReadonlyArray<Claim>) => Effect.Effect<ReadonlyArray<Taken>, PlacesUnavailable>
  }
>()("@user-service/cache/Places") {
  /** Shared by all processes on the Redis. */
  static readonly layerRedis: Layer.Layer<Places, never, Redis.Redis> = Layer.effect(
    Places,
    Effect.map(Redis.Redis, (redis) => makeRedis(redis))
  )
  /** Within the process: for one that is the only one to claim. */
  static readonly layerMemory: Layer.Layer<Places> = Layer.effect(
    Places,
    Effect.sync(() => makeMemory())
  )
}

const unavailable = Metric.counter("places_unavailable_total", {
  description: "Calls that could not count in Redis",
  incremental: true
})

// A set of numbers, which Redis keeps in 8 bytes each up to 512 of them; 0 is in every set, since one of nothing would be
// no set. A call of a script takes some 8,000 arguments, so holders go in by the thousand.
const takeScript = Redis.script(
  ({ holders, key, limit, members, timeToLive }: Claim) => [
    key,
    limit,
    Math.max(1, Math.ceil(Duration.toMillis(timeToLive))),
    Option.isSome(holders) ? 1 : 0,
    members.length,
    ...members.map(numberOf),
    ...Option.match(holders, { onNone: () => [], onSome: (known) => known.map(numberOf) })
  ],
  {
    numberOfKeys: 1,
    lua: `
local first = 5
local last = 4 + tonumber(ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 0 then
  if ARGV[3] == '0' then return {} end
  redis.call('SADD', KEYS[1], '0')
  for from = last + 1, #ARGV, 1000 do
    redis.call('SADD', KEYS[1], unpack(ARGV, from, math.min(from + 999, #ARGV)))
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local limit = tonumber(ARGV[1])
local count = redis.call('SCARD', KEYS[1]) - 1
local taken = {}
for index = first, last do
  local has = redis.call('SISMEMBER', KEYS[1], ARGV[index])
  if has == 0 and count < limit then
    has = redis.call('SADD', KEYS[1], ARGV[index])
    count = count + 1
  end
  taken[#taken + 1] = has
end
return taken
`
  }
).withReturnType<ReadonlyArray<number>>()

// 63 bits of a hash, never 0: of 10,000 members two are alike once in 10^11 sets, and then share a place.
const numberOf = (member: string): string => {
  const bits = hash("sha256", member, "buffer").readBigUInt64BE()
  return String((bits >> 1n) + 1n)
}

const makeRedis = (redis: Redis.Redis["Service"]): Places["Service"] => {
  const take = redis.eval(takeScript)
  return {
    take: (claims) =>
      Effect.forEach(
        claims,
        (claim) =>
          Effect.map(take(claim), (taken) =>
            taken.length === claim.members.length ? Option.some(taken.map((has) => has === 1)) : Option.none()
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.catch(() => Effect.andThen(Metric.update(unavailable, 1), Effect.fail(new PlacesUnavailable()))))
  }
}

// A key with ten holders takes some 2 kB.
const capacity = 100_000

const makeMemory = (): Places["Service"] => {
  const kept = ExpiringMap.make<Set<string>>(capacity)

  const takeAt = ({ holders, key, limit, members, timeToLive }: Claim, now: number): Taken => {
    const standing = kept.get(key, now)
    if (standing === undefined && Option.isNone(holders)) return Option.none()
    const placed = standing ?? new Set(Option.getOrElse(holders, () => []))
    if (standing === undefined) {
      kept.set(key, placed, now + Math.max(1, Math.ceil(Duration.toMillis(timeToLive))), now)
    }
    return Option.some(
      members.map((member) => {
        if (placed.size < limit) placed.add(member)
        return placed.has(member)
      })
    )
  }

  return {
    take: (claims) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => claims.map((claim) => takeAt(claim, clock.currentTimeMillisUnsafe())))
      )
  }
}
