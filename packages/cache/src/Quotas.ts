import { Context, Data, Duration, Effect, Layer, Metric, Option } from "effect"
import { Redis } from "effect/persistence"
import { hash } from "node:crypto"
import * as ExpiringMap from "./ExpiringMap.ts"

/** A request to add candidates to the members of one key. */
export interface QuotaClaim {
  readonly key: string
  /** How many members the key may have. */
  readonly limit: number
  readonly candidates: ReadonlyArray<string>
  /** The members according to the caller's own storage. Used only if nothing is stored under the key. */
  readonly members: Option.Option<ReadonlyArray<string>>
  /** How long the key is stored. */
  readonly timeToLive: Duration.Duration
}

/** Whether a candidate of a claim is a member now, and how many members the key has. */
export interface ClaimedCandidate {
  readonly isMember: boolean
  readonly members: number
}

/**
 * The candidates of a claim, in the claim's order. None if nothing is stored under the key and the claim did not name the
 * members.
 */
export type ClaimOutcome = Option.Option<ReadonlyArray<ClaimedCandidate>>

/** Redis does not answer. Some of the candidates may have become members. */
export class QuotasUnavailable extends Data.TaggedError("QuotasUnavailable")<{}> {}

const unavailable = Metric.counter("places_unavailable_total", {
  description: "Calls that could not count in Redis",
  incremental: true
})

/**
 * Sets of limited size, one per key, such as the recipients of a daily quota. Claiming a member again changes nothing. Of
 * any number of concurrent candidates exactly as many become members as the limit allows, in the order of their claims.
 *
 * The stored sets may be lost at any time. The caller keeps the authoritative members and passes them with the claim. One
 * round trip for any number of claims.
 */
export class Quotas extends Context.Service<
  Quotas,
  {
    readonly claim: (claims: ReadonlyArray<QuotaClaim>) => Effect.Effect<ReadonlyArray<ClaimOutcome>, QuotasUnavailable>
  }
>()("@user-service/cache/Quotas") {
  /** Shared by all processes that use the same Redis. */
  static readonly layerRedis: Layer.Layer<Quotas, never, Redis.Redis> = Layer.effect(
    Quotas,
    Effect.map(Redis.Redis, (redis) => makeRedis(redis)).pipe(Effect.tap(Metric.update(unavailable, 0)))
  )
  /** In memory, for a single process. */
  static readonly layerMemory: Layer.Layer<Quotas> = Layer.effect(
    Quotas,
    Effect.sync(() => makeMemory())
  )
}

// A Redis set of integers, which stores up to 512 of them in 8 bytes each. Every set contains 0, because Redis has no empty
// sets. Members are added 1,000 at a time, because Lua's `unpack` returns at most about 8,000 values.
const claimScript = Redis.script(
  ({ members, key, limit, candidates, timeToLive }: QuotaClaim) => [
    key,
    limit,
    Math.max(1, Math.ceil(Duration.toMillis(timeToLive))),
    Option.isSome(members) ? 1 : 0,
    candidates.length,
    ...candidates.map(numberOf),
    ...Option.match(members, { onNone: () => [], onSome: (known) => known.map(numberOf) })
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
  taken[#taken + 1] = count
end
return taken
`
  }
).withReturnType<ReadonlyArray<number>>()

// 63 bits of a hash, never 0. Two of 10,000 candidates collide in one of 10^11 sets, and then count as one member.
const numberOf = (member: string): string => {
  const bits = hash("sha256", member, "buffer").readBigUInt64BE()
  return String((bits >> 1n) + 1n)
}

const makeRedis = (redis: Redis.Redis["Service"]): Quotas["Service"] => {
  const run = redis.eval(claimScript)
  return {
    claim: (claims) =>
      Effect.forEach(
        claims,
        (claim) =>
          Effect.map(run(claim), (taken) =>
            taken.length === 2 * claim.candidates.length
              ? Option.some(
                  claim.candidates.map((_, index) => ({
                    isMember: taken[2 * index] === 1,
                    members: taken[2 * index + 1] ?? 0
                  }))
                )
              : Option.none()
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.catch(() => Effect.andThen(Metric.update(unavailable, 1), Effect.fail(new QuotasUnavailable()))))
  }
}

// A key with ten members takes about 2 kB.
const capacity = 100_000

const makeMemory = (): Quotas["Service"] => {
  const sets = ExpiringMap.make<Set<string>>(capacity)

  const claimAt = ({ members, key, limit, candidates, timeToLive }: QuotaClaim, now: number): ClaimOutcome => {
    const stored = sets.get(key, now)
    if (stored === undefined && Option.isNone(members)) return Option.none()
    const set = stored ?? new Set(Option.getOrElse(members, () => []))
    if (stored === undefined) {
      sets.set(key, set, now + Math.max(1, Math.ceil(Duration.toMillis(timeToLive))), now)
    }
    return Option.some(
      candidates.map((member) => {
        if (set.size < limit) set.add(member)
        return { isMember: set.has(member), members: set.size }
      })
    )
  }

  return {
    claim: (claims) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => claims.map((claim) => claimAt(claim, clock.currentTimeMillisUnsafe())))
      )
  }
}
