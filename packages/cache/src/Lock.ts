import { Clock, Context, Duration, Effect, Layer, Option, Random } from "effect"
import { Redis } from "effect/persistence"
import * as ExpiringMap from "./ExpiringMap.ts"

/**
 * Locks that avoid duplicate work. They do not guarantee mutual exclusion: a holder that stalls beyond `timeToLive` has lost the
 * lock without notice.
 */
export class Lock extends Context.Service<
  Lock,
  {
    /**
     * Acquires the lock and returns the effect that releases it. None if another holder has it or Redis is unreachable. The
     * release does nothing if the lock has passed to another holder, and may run twice or never.
     */
    readonly tryAcquire: (
      key: string,
      timeToLive: Duration.Duration
    ) => Effect.Effect<Option.Option<Effect.Effect<void>>>
  }
>()("@user-service/cache/Lock") {
  /** Shared by all processes that use the same Redis. */
  static readonly layerRedis: Layer.Layer<Lock, never, Redis.Redis> = Layer.effect(
    Lock,
    Effect.suspend(() => makeRedis)
  )
  /** In memory. */
  static readonly layerMemory: Layer.Layer<Lock> = Layer.effect(
    Lock,
    Effect.suspend(() => makeMemory)
  )
}

const releaseScript = Redis.script((key: string, token: string) => [key, token], {
  numberOfKeys: 1,
  lua: `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`
})

const none = Option.none<Effect.Effect<void>>()

const makeRedis = Effect.gen(function* () {
  const redis = yield* Redis.Redis
  const release = redis.eval(releaseScript)
  const process = `${yield* Random.nextInt}.${yield* Random.nextInt}`
  let sequence = 0

  return Lock.of({
    tryAcquire: Effect.fnUntraced(
      function* (key, timeToLive) {
        const name = `lock:${key}`
        const token = `${process}.${++sequence}`
        const millis = String(Math.max(1, Math.ceil(Duration.toMillis(timeToLive))))
        const answer = yield* redis.send<string | null>("set", name, token, "PX", millis, "NX")
        return answer === null ? none : Option.some(Effect.ignore(release(name, token)))
      },
      Effect.catch(() => Effect.succeed(none))
    )
  })
})

const capacity = 100_000

const makeMemory = Effect.sync(() => {
  const holders = ExpiringMap.make<object>(capacity)

  return Lock.of({
    tryAcquire: (key, timeToLive) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          if (holders.get(key, now) !== undefined) return none
          const token = {}
          holders.set(key, token, now + Math.max(1, Math.ceil(Duration.toMillis(timeToLive))), now)
          return Option.some(releaseOf(holders, key, token))
        })
      )
  })
})

const releaseOf = (holders: ExpiringMap.ExpiringMap<object>, key: string, token: object) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    if (holders.get(key, now) === token) holders.delete(key)
  })
