import { Context, type Duration, Effect, Layer, type Option } from "effect"
import type { Redis } from "effect/persistence"
import { Lock } from "./Lock.ts"
import * as MemoryStore from "./MemoryStore.ts"
import * as ReadThrough from "./ReadThrough.ts"
import type { RedisHealth } from "./Redis.ts"
import * as RedisStore from "./RedisStore.ts"

/** A cached value and the version of the row it was read from. */
export interface Entry {
  readonly version: number
  readonly value: string
}

/** States that the row under this key now has this version. */
export interface Invalidation {
  readonly key: string
  readonly version: number
}

/**
 * A cache of versioned values. An entry never replaces a newer version, so a slow read that began before a write cannot bring
 * the old value back. Never fails: when Redis is unreachable every read is a miss, after at most one short timeout.
 *
 * After an outage all earlier entries are ignored, because an invalidation may have been lost. Processes that noticed no
 * outage follow within 250 ms.
 *
 * The cache remembers a version as long as its entry, or for a minute after an invalidation. Choose a `timeToLive` longer than
 * any read of the database.
 */
export class Cache extends Context.Service<
  Cache,
  {
    readonly get: (key: string) => Effect.Effect<Option.Option<Entry>>
    /** In the order of the keys, in one round trip. */
    readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Option.Option<Entry>>>
    /**
     * Stores a value that the caller has just written. Does nothing if the same or a newer version is stored, or a newer
     * invalidation. Use `readThrough` for values read from the database: it takes into account when the read began.
     */
    readonly set: (key: string, entry: Entry & { readonly timeToLive: Duration.Duration }) => Effect.Effect<void>
    /** Removes older entries and refuses them from now on. Call it after the commit. One round trip for any number of keys. */
    readonly invalidate: (entries: ReadonlyArray<Invalidation>) => Effect.Effect<void>
    /**
     * Returns the cached entry, or runs `load` and stores its result. When many callers miss at once, one of them loads, across
     * all processes. The others wait for the stored entry, and load themselves after 200 ms. The result is never older than
     * the database was when the call began.
     */
    readonly readThrough: <E, R>(
      key: string,
      options: {
        readonly timeToLive: Duration.Duration
        readonly load: Effect.Effect<Option.Option<Entry>, E, R>
      }
    ) => Effect.Effect<Option.Option<Entry>, E, R>
    /**
     * As `readThrough` for many keys, with results in the order of the keys: one round trip to read, one load for all misses,
     * one round trip to store. Concurrent callers do not share loads.
     */
    readonly readThroughMany: <E, R>(
      keys: ReadonlyArray<string>,
      options: {
        readonly timeToLive: Duration.Duration
        /** Returns the entries by key, without the keys that do not exist. */
        readonly load: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, Entry>, E, R>
      }
    ) => Effect.Effect<ReadonlyArray<Option.Option<Entry>>, E, R>
  }
>()("@user-service/cache/Cache") {
  /** Shared by all processes that use the same Redis. */
  static readonly layerRedis: Layer.Layer<Cache, never, Redis.Redis | RedisHealth> = Layer.effect(
    Cache,
    Effect.flatMap(RedisStore.make, ReadThrough.make)
  ).pipe(Layer.provide(Lock.layerRedis))
  /** In memory. */
  static readonly layerMemory: Layer.Layer<Cache> = Layer.effect(
    Cache,
    Effect.flatMap(MemoryStore.make, ReadThrough.make)
  ).pipe(Layer.provide(Lock.layerMemory))
}
