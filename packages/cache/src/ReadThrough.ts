import { Clock, Duration, Effect, Exit, Latch, Option } from "effect"
import type { Cache, Entry } from "./Cache.ts"
import { Lock } from "./Lock.ts"
import { hits, misses, startCounters, type Store } from "./Store.ts"

/** How long a caller waits for the load of another caller. */
const waitLimit = Duration.millis(200)
/** How often it looks for the entry that another process loads. */
const pollInterval = Duration.millis(20)
// Bounds the wait if the process that loads dies.
const lockTimeToLive = Duration.seconds(1)

interface Loading<E, R> {
  readonly timeToLive: Duration.Duration
  readonly load: Effect.Effect<Option.Option<Entry>, E, R>
}

type CachedEntry = Option.Option<Entry>

/** The cache over a store. Counts hits and misses, and makes concurrent misses of a key share one load (single flight). */
export const make = Effect.fnUntraced(function* (store: Store) {
  const lock = yield* Lock
  const context = yield* Effect.context<never>()
  const sharedLoads = new Map<string, Latch.Latch>()
  yield* startCounters

  const count = (found: CachedEntry): CachedEntry => {
    ;(Option.isSome(found) ? hits : misses).updateUnsafe(1, context)
    return found
  }
  const get = (key: string): Effect.Effect<CachedEntry> => Effect.map(store.get(key), count)

  const fill = (epoch: number | undefined, key: string, found: CachedEntry, timeToLive: Duration.Duration) =>
    epoch === undefined || Option.isNone(found) ? Effect.void : store.fill(epoch, key, found.value, timeToLive)

  const loadUnshared = <E, R>(key: string, { load, timeToLive }: Loading<E, R>): Effect.Effect<CachedEntry, E, R> =>
    Effect.suspend(() => {
      // Read before the load begins, so that the result is not stored in a later epoch.
      const epoch = store.epoch()
      return Effect.tap(load, (found) => fill(epoch, key, found, timeToLive))
    })

  /** Loads if no other process is loading, otherwise returns none. */
  const tryLoad = <E, R>(key: string, { load, timeToLive }: Loading<E, R>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        // One round trip, the lock first, so that the read sees the entry that the previous holder stored.
        const [acquired, stored] = yield* Effect.all(
          [lock.tryAcquire(`cache:${key}`, lockTimeToLive), store.get(key)],
          {
            concurrency: "unbounded"
          }
        )
        const release = Option.getOrElse(acquired, () => Effect.void)
        if (Option.isSome(stored)) {
          yield* release
          return Option.some(stored)
        }
        if (Option.isNone(acquired)) return Option.none<CachedEntry>()
        const epoch = store.epoch()
        const exit = yield* Effect.exit(restore(load))
        const storeResult = Exit.isSuccess(exit) ? fill(epoch, key, exit.value, timeToLive) : Effect.void
        // One round trip, in this order.
        yield* Effect.all([storeResult, release], { concurrency: "unbounded", discard: true })
        return Option.some(yield* exit)
      })
    )

  const loadOnce = <E, R>(key: string, loading: Loading<E, R>, until: number): Effect.Effect<CachedEntry, E, R> =>
    Effect.gen(function* () {
      const found = yield* tryLoad(key, loading)
      if (Option.isSome(found)) return found.value
      if (store.epoch() === undefined || (yield* Clock.currentTimeMillis) >= until)
        return yield* loadUnshared(key, loading)
      yield* Effect.sleep(pollInterval)
      return yield* loadOnce(key, loading, until)
    })

  const startSharedLoad = <E, R>(key: string, loading: Loading<E, R>): Effect.Effect<CachedEntry, E, R> =>
    Effect.uninterruptibleMask((restore) => {
      const latch = Latch.makeUnsafe()
      sharedLoads.set(key, latch)
      return Effect.flatMap(Clock.currentTimeMillis, (now) =>
        restore(loadOnce(key, loading, now + Duration.toMillis(waitLimit)))
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            sharedLoads.delete(key)
            latch.openUnsafe()
          })
        )
      )
    })

  const miss = <E, R>(key: string, loading: Loading<E, R>): Effect.Effect<CachedEntry, E, R> =>
    Effect.suspend(() => {
      if (store.epoch() === undefined) return loading.load
      const sharedLoad = sharedLoads.get(key)
      if (sharedLoad === undefined) return startSharedLoad(key, loading)
      // Reads the store instead of the shared result: that load may have begun before a write that this caller has seen.
      return Effect.timeoutOption(sharedLoad.await, waitLimit).pipe(
        Effect.andThen(store.get(key)),
        Effect.flatMap((found) => (Option.isSome(found) ? Effect.succeed(found) : loadUnshared(key, loading)))
      )
    })

  const getMany: Cache["Service"]["getMany"] = (keys) => Effect.map(store.getMany(keys), (all) => all.map(count))

  const readThroughMany: Cache["Service"]["readThroughMany"] = Effect.fnUntraced(function* (
    keys,
    { load, timeToLive }
  ) {
    const found = yield* getMany(keys)
    const missed = keys.filter((_, index) => Option.isNone(found[index] ?? Option.none()))
    if (missed.length === 0) return found
    // Read before the load begins, as in loadUnshared.
    const epoch = store.epoch()
    const loaded = yield* load(missed)
    yield* Effect.forEach(loaded, ([key, entry]) => fill(epoch, key, Option.some(entry), timeToLive), {
      concurrency: "unbounded",
      discard: true
    })
    return keys.map((key, index) =>
      Option.orElse(found[index] ?? Option.none(), () => Option.fromNullishOr(loaded.get(key)))
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
