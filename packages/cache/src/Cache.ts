import { Context, type Duration, Effect, Layer, type Option } from "effect"
import type { Redis } from "effect/persistence"
import { Lock } from "./Lock.ts"
import * as MemoryStore from "./MemoryStore.ts"
import * as ReadThrough from "./ReadThrough.ts"
import type { RedisHealth } from "./Redis.ts"
import * as RedisStore from "./RedisStore.ts"

/** A copy of something, as of one version of it. */
export interface Entry {
  readonly version: number
  readonly value: string
}

/** That something is at this version now. */
export interface Invalidation {
  readonly key: string
  readonly version: number
}

/**
 * Copies of what is authoritative elsewhere, ordered by version: what a write left behind never comes back, however late a
 * read that began before it ends. Never fails: out of reach is a miss, and costs no more than one short timeout.
 *
 * After an outage nothing from before it is believed, for an invalidation may have been lost in it. Other processes, cut
 * off from Redis by none of it, follow within 250 ms.
 *
 * A version is remembered for as long as its entry stands, a minute where it was invalidated: let `timeToLive` be longer
 * than any read of the authority.
 */
export class Cache extends Context.Service<
  Cache,
  {
    readonly get: (key: string) => Effect.Effect<Option.Option<Entry>>
    /** In the order of the keys, in one round trip. */
    readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Option.Option<Entry>>>
    /**
     * For what the caller has just written. Does nothing where the same or a newer version stands, or a newer invalidation.
     * What was read from the authority goes through `readThrough`, which knows when the read began.
     */
    readonly set: (key: string, entry: Entry & { readonly timeToLive: Duration.Duration }) => Effect.Effect<void>
    /** After the commit. Older copies go, and those on their way are refused. Any number of keys is one round trip. */
    readonly invalidate: (entries: ReadonlyArray<Invalidation>) => Effect.Effect<void>
    /**
     * What stands, or else what `load` finds, which is then kept. Of many that miss at once, one loads, over all processes;
     * the others read what it kept, and load for themselves when that takes longer than 200 ms. Never answers with anything
     * older than what the authority held when it was asked.
     */
    readonly readThrough: <E, R>(
      key: string,
      options: {
        readonly timeToLive: Duration.Duration
        readonly load: Effect.Effect<Option.Option<Entry>, E, R>
      }
    ) => Effect.Effect<Option.Option<Entry>, E, R>
    /**
     * The same for many keys, in their order: one round trip to read what stands, one load of what does not, one round trip
     * to keep it. Loads are not shared with others that miss at the same time.
     */
    readonly readThroughMany: <E, R>(
      keys: ReadonlyArray<string>,
      options: {
        readonly timeToLive: Duration.Duration
        /** By key; one it does not find is absent. */
        readonly load: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, Entry>, E, R>
      }
    ) => Effect.Effect<ReadonlyArray<Option.Option<Entry>>, E, R>
  }
>()("@user-service/cache/Cache") {
  /** Shared by all processes on the Redis. */
  static readonly layerRedis: Layer.Layer<Cache, never, Redis.Redis | RedisHealth> = Layer.effect(
    Cache,
    Effect.flatMap(RedisStore.make, ReadThrough.make)
  ).pipe(Layer.provide(Lock.layerRedis))
  /** Within the process. */
  static readonly layerMemory: Layer.Layer<Cache> = Layer.effect(
    Cache,
    Effect.flatMap(MemoryStore.make, ReadThrough.make)
  ).pipe(Layer.provide(Lock.layerMemory))
}
