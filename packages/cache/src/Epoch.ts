import { Duration, Effect, type Scope } from "effect"
import { Redis } from "effect/persistence"
import { RedisHealth } from "./Redis.ts"

/**
 * The number every cached key begins with. Whoever may have lost an invalidation moves it on before it believes anything
 * again: so entries from before are not deleted, nobody finds them any more.
 */
export interface Epoch {
  /** Undefined from the first failure until the epoch has moved. */
  readonly current: () => number | undefined
  /** A write could not be told: nothing is believed until the epoch has moved. */
  readonly lose: () => void
  /** Takes note of what Redis holds. */
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

// How soon a process that lost the epoch takes it again.
const retryInterval = Duration.millis(250)

// The time in microseconds where it is ahead: a Redis that came back empty, or from an old copy, gives no number twice.
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
  let believed = { epoch: 0, failures: -1 }
  let askedAt = Number.NEGATIVE_INFINITY

  const failures = () => health.failures() + lost
  const current = () => (believed.failures === failures() ? believed.epoch : undefined)
  const lose = () => void lost++
  const observe = (answer: string | null) => {
    const known = current()
    const next = Number(answer)
    if (known === undefined || next === known) return
    if (next > known) believed = { epoch: next, failures: failures() }
    // Gone, or set back: this Redis is not the one that was.
    else lose()
  }

  const isDue = () => {
    const now = performance.now()
    if (now - askedAt < longestReliance) return false
    askedAt = now
    return true
  }

  // A write lost between the asking and the answer may be newer than the epoch taken, so it asks again.
  const take = Effect.suspend(() => {
    const before = failures()
    return Effect.map(takeFromRedis(key, before > 0), (answer) => {
      believed = { epoch: Number(answer), failures: before }
    })
  }).pipe(Effect.repeat({ until: () => current() !== undefined, times: 10 }))

  const takeIfLost = Effect.suspend(() => (current() === undefined ? take : Effect.void)).pipe(Effect.ignore)

  yield* takeIfLost
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(retryInterval), takeIfLost)))
  return { current, lose, observe, isDue, key }
})
