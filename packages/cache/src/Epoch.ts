import { Duration, Effect, type Scope } from "effect"
import { Redis } from "effect/persistence"
import { RedisHealth } from "./Redis.ts"

/**
 * The number that every cached key begins with. A process that may have lost an invalidation increases it before it reads the
 * cache again. All earlier entries then have keys that no process reads, and expire.
 */
export interface Epoch {
  /** Undefined after a failure until the epoch was increased. */
  readonly current: () => number | undefined
  /** Records that a write may be lost: `current` is undefined until the epoch was increased. */
  readonly markLost: () => void
  /** Compares the epoch that Redis returned with the current one. */
  readonly observe: (answer: string | null) => void
  /**
   * Whether the last request for the epoch is too old for a read to rely on. The caller that gets `true` must ask for the epoch
   * together with its own command. Calls after that get `false` for the next 250 ms.
   */
  readonly isDue: () => boolean
  readonly key: string
}

const key = "epoch"

// How long reads rely on the last request for the epoch. A process that saw no failure follows the epoch of one that did within
// this time. Reads make the request, so a process that reads nothing sends nothing to Redis.
const longestReliance = Duration.toMillis("250 millis")

// How often a process without an epoch tries to get one.
const retryInterval = Duration.millis(250)

// A new epoch is the time in microseconds, or the old one plus 1 if that is higher. So a Redis that restarted empty, or from an
// old snapshot, never returns the same epoch twice.
const takeScript = Redis.script((name: string, move: boolean) => [name, move ? 1 : 0], {
  numberOfKeys: 1,
  lua: `
local epoch = tonumber(redis.call('GET', KEYS[1]))
if epoch and ARGV[1] == '0' then return string.format('%.0f', epoch) end
local time = redis.call('TIME')
local next = time[1] * 1000000 + time[2]
if epoch and epoch >= next then next = epoch + 1 end
redis.call('SET', KEYS[1], string.format('%.0f', next))
return string.format('%.0f', next)
`
}).withReturnType<string>()

export const make: Effect.Effect<Epoch, never, Redis.Redis | RedisHealth | Scope.Scope> = Effect.gen(function* () {
  const redis = yield* Redis.Redis
  const health = yield* RedisHealth
  const takeFromRedis = redis.eval(takeScript)
  let lost = 0
  let latest = { epoch: 0, failures: -1 }
  let requestedAt = Number.NEGATIVE_INFINITY

  const failures = () => health.failures() + lost
  const current = () => (latest.failures === failures() ? latest.epoch : undefined)
  const markLost = () => void lost++
  const observe = (answer: string | null) => {
    const epoch = current()
    const next = Number(answer)
    if (epoch === undefined || next === epoch) return
    if (next > epoch) latest = { epoch: next, failures: failures() }
    // Missing or lower: this Redis has lost data.
    else markLost()
  }

  const isDue = () => {
    const now = performance.now()
    if (now - requestedAt < longestReliance) return false
    requestedAt = now
    return true
  }

  // A write that was lost between the request and the answer may be newer than the epoch, so the request is repeated.
  const take = Effect.suspend(() => {
    const before = failures()
    return Effect.map(takeFromRedis(key, before > 0), (answer) => {
      latest = { epoch: Number(answer), failures: before }
    })
  }).pipe(Effect.repeat({ until: () => current() !== undefined, times: 10 }))

  const takeIfLost = Effect.suspend(() => (current() === undefined ? take : Effect.void)).pipe(Effect.ignore)

  yield* takeIfLost
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(retryInterval), takeIfLost)))
  return { current, markLost, observe, isDue, key }
})
