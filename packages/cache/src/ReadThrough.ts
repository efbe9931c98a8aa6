import { Clock, Duration, Effect, Exit, Latch, Option } from "effect"
import type { Cache, Entry } from "./Cache.ts"
import { Lock } from "./Lock.ts"
import { hits, misses, type Store } from "./Store.ts"

/** How long one that missed waits for another to load. */
const patience = Duration.millis(200)
const glance = Duration.millis(20)
// For those whose loader dies with its process.
const lockTimeToLive = Duration.seconds(1)

interface Loading<E, R> {
  readonly timeToLive: Duration.Duration
  readonly load: Effect.Effect<Option.Option<Entry>, E, R>
}

type Found = Option.Option<Entry>

/** The cache over a store: what is counted, and one flight a key where many miss at once. */
export const make = Effect.fnUntraced(function* (store: Store) {
  const lock = yield* Lock
  const context = yield* Effect.context<never>()
  const flights = new Map<string, Latch.Latch>()

  const count = (found: Found): Found => {
    ;(Option.isSome(found) ? hits : misses).updateUnsafe(1, context)
    return found
  }
  const get = (key: string): Effect.Effect<Found> => Effect.map(store.get(key), count)

  const fill = (epoch: number | undefined, key: string, found: Found, timeToLive: Duration.Duration) =>
    epoch === undefined || Option.isNone(found) ? Effect.void : store.fill(epoch, key, found.value, timeToLive)

  const loadAlone = <E, R>(key: string, { load, timeToLive }: Loading<E, R>): Effect.Effect<Found, E, R> =>
    Effect.suspend(() => {
      // Known before the load begins: what it finds must not pass into an epoch that began later.
      const epoch = store.epoch()
      return Effect.tap(load, (found) => fill(epoch, key, found, timeToLive))
    })

  /** One try at being the one that loads; none where another process is. */
  const tryLoad = <E, R>(key: string, { load, timeToLive }: Loading<E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        // Both in one round trip, the lock first: so what its last holder kept is seen.
        const [held, standing] = yield* Effect.all([lock.tryAcquire(`cache:${key}`, lockTimeToLive), store.get(key)], {
          concurrency: "unbounded"
        })
        const release = Option.getOrElse(held, () => Effect.void)
        if (Option.isSome(standing)) {
          yield* release
          return Option.some(standing)
        }
        if (Option.isNone(held)) return Option.none<Found>()
        const epoch = store.epoch()
        const exit = yield* Effect.exit(restore(load))
        const kept = Exit.isSuccess(exit) ? fill(epoch, key, exit.value, timeToLive) : Effect.void
        // In one round trip, in this order.
        yield* Effect.all([kept, release], { concurrency: "unbounded", discard: true })
        return Option.some(yield* exit)
      })
    )

  const loadOnce = <E, R>(key: string, loading: Loading<E, R>, until: number): Effect.Effect<Found, E, R> =>
    Effect.gen(function* () {
      const found = yield* tryLoad(key, loading)
      if (Option.isSome(found)) return found.value
      if (store.epoch() === undefined || (yield* Clock.currentTimeMillis) >= until)
        return yield* loadAlone(key, loading)
      yield* Effect.sleep(glance)
      return yield* loadOnce(key, loading, until)
    })

  const fly = <E, R>(key: string, loading: Loading<E, R>): Effect.Effect<Found, E, R> =>
    Effect.uninterruptibleMask((restore) => {
      const latch = Latch.makeUnsafe()
      flights.set(key, latch)
      return Effect.flatMap(Clock.currentTimeMillis, (now) =>
        restore(loadOnce(key, loading, now + Duration.toMillis(patience)))
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            flights.delete(key)
            latch.openUnsafe()
          })
        )
      )
    })

  const miss = <E, R>(key: string, loading: Loading<E, R>): Effect.Effect<Found, E, R> =>
    Effect.suspend(() => {
      if (store.epoch() === undefined) return loading.load
      const flight = flights.get(key)
      if (flight === undefined) return fly(key, loading)
      // Never the flight's own result: it may have begun before a write that this reader has seen.
      return Effect.timeoutOption(flight.await, patience).pipe(
        Effect.andThen(store.get(key)),
        Effect.flatMap((found) => (Option.isSome(found) ? Effect.succeed(found) : loadAlone(key, loading)))
      )
    })

  const getMany: Cache["Service"]["getMany"] = (keys) => Effect.map(store.getMany(keys), (all) => all.map(count))

  const readThroughMany: Cache["Service"]["readThroughMany"] = Effect.fnUntraced(function* (
    keys,
    { load, timeToLive }
  ) {
    const standing = yield* getMany(keys)
    const missed = keys.filter((_, index) => Option.isNone(standing[index] ?? Option.none()))
    if (missed.length === 0) return standing
    // Known before the load begins, as in loadAlone.
    const epoch = store.epoch()
    const loaded = yield* load(missed)
    yield* Effect.forEach(loaded, ([key, entry]) => fill(epoch, key, Option.some(entry), timeToLive), {
      concurrency: "unbounded",
      discard: true
    })
    return keys.map((key, index) =>
      Option.orElse(standing[index] ?? Option.none(), () => Option.fromNullishOr(loaded.get(key)))
    )
  })

  const cache: Cache["Service"] = {
    get,
    getMany,
    set: (key, { timeToLive, ...entry }) => store.set(key, entry, timeToLive),
    invalidate: store.invalidate,
    readThrough: (key, loading) =>
      Effect.flatMap(get(key), (found) => (Option.isSome(found) ? Effect.succeed(found) : miss(key, loading))),
    readThroughMany
  }
  return cache
})
