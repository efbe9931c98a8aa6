import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, type Layer, Option, Ref } from "effect"
import { Cache } from "../Cache.ts"
import { freshKey, type TestTime } from "./Fresh.ts"

const timeToLive = Duration.hours(1)
const entry = (version: number, value = `v${version}`) => ({ version, value })
const some = (version: number, value?: string) => Option.some(entry(version, value))
const set = (key: string, version: number, value?: string) =>
  Cache.use((cache) => cache.set(key, { ...entry(version, value), timeToLive }))
const get = (key: string) => Cache.use((cache) => cache.get(key))
const invalidate = (key: string, version: number) => Cache.use((cache) => cache.invalidate([{ key, version }]))

/** The contract of a `Cache`. */
export const suite = <E>(name: string, layer: Layer.Layer<Cache, E>, time: TestTime) =>
  describe(name, () => {
    it.layer(layer, { excludeTestServices: time.live })((it) => {
      it.effect("a stored value is found, whatever its content", () =>
        Effect.gen(function* () {
          const key = freshKey()
          assert.isTrue(Option.isNone(yield* get(key)))
          yield* set(key, 7, `1:2:{"ü": "\\u0000\n"}`)
          assert.deepStrictEqual(yield* get(key), some(7, `1:2:{"ü": "\\u0000\n"}`))
          const empty = freshKey()
          yield* set(empty, 0, "")
          assert.deepStrictEqual(yield* get(empty), some(0, ""))
        })
      )

      it.effect("getMany returns entries in the order of the keys", () =>
        Effect.gen(function* () {
          const [a, b] = [freshKey(), freshKey()]
          yield* set(a, 1)
          yield* set(b, 2)
          const found = yield* Cache.use((cache) => cache.getMany([b, freshKey(), a]))
          assert.deepStrictEqual(found, [some(2), Option.none(), some(1)])
          assert.deepStrictEqual(yield* Cache.use((cache) => cache.getMany([])), [])
        })
      )

      it.effect("a newer version replaces an entry, the same or an older one does not", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* set(key, 9, "first")
          yield* set(key, 9, "second")
          assert.deepStrictEqual(yield* get(key), some(9, "first"))
          yield* set(key, 8)
          assert.deepStrictEqual(yield* get(key), some(9, "first"))
          yield* set(key, 10)
          assert.deepStrictEqual(yield* get(key), some(10))
        })
      )

      it.effect("an invalidation removes older versions and refuses them afterwards", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* set(key, 1)
          yield* invalidate(key, 3)
          assert.isTrue(Option.isNone(yield* get(key)))
          yield* set(key, 2)
          assert.isTrue(Option.isNone(yield* get(key)))
          yield* set(key, 3)
          assert.deepStrictEqual(yield* get(key), some(3))
        })
      )

      it.effect("an invalidation of an absent entry refuses older versions", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* invalidate(key, 2)
          yield* set(key, 1)
          assert.isTrue(Option.isNone(yield* get(key)))
        })
      )

      it.effect("an invalidation keeps an entry of its own version and does not weaken a newer invalidation", () =>
        Effect.gen(function* () {
          const key = freshKey()
          yield* set(key, 5)
          yield* invalidate(key, 5)
          yield* invalidate(key, 4)
          assert.deepStrictEqual(yield* get(key), some(5))
          yield* invalidate(key, 9)
          yield* invalidate(key, 6)
          yield* set(key, 8)
          assert.isTrue(Option.isNone(yield* get(key)))
        })
      )

      it.effect("many keys are invalidated at once, each by its own version", () =>
        Effect.gen(function* () {
          const keys = Array.from({ length: 1200 }, freshKey)
          yield* Effect.forEach(keys, (key) => set(key, 5), { concurrency: "unbounded" })
          const entries = keys.map((key, index) => ({ key, version: index % 2 === 0 ? 6 : 5 }))
          yield* Cache.use((cache) => cache.invalidate(entries))
          const found = yield* Cache.use((cache) => cache.getMany(keys))
          assert.deepStrictEqual(
            found.map(Option.isNone),
            keys.map((_, index) => index % 2 === 0)
          )
        })
      )

      it.effect("an entry expires after its time to live", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          yield* cache.set(key, { ...entry(1), timeToLive: Duration.millis(150) })
          assert.deepStrictEqual(yield* cache.get(key), some(1))
          yield* time.until(Duration.millis(150), Effect.map(cache.get(key), Option.isNone))
        })
      )

      it.effect("an invalidation still refuses older versions after the entry it kept has expired", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          yield* cache.set(key, { ...entry(5), timeToLive: Duration.millis(150) })
          yield* invalidate(key, 5)
          yield* time.until(Duration.millis(150), Effect.map(cache.get(key), Option.isNone))
          yield* set(key, 4)
          assert.isTrue(Option.isNone(yield* get(key)))
        })
      )

      it.effect("readThrough stores what it loads and loads once", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const loads = yield* Ref.make(0)
          const load = Effect.as(
            Ref.update(loads, (n) => n + 1),
            some(1)
          )
          assert.deepStrictEqual(yield* cache.readThrough(key, { timeToLive, load }), some(1))
          assert.deepStrictEqual(yield* cache.readThrough(key, { timeToLive, load }), some(1))
          assert.strictEqual(yield* Ref.get(loads), 1)
        })
      )

      it.effect("readThrough stores neither an absent value nor a failure", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          assert.isTrue(Option.isNone(yield* cache.readThrough(key, { timeToLive, load: Effect.succeedNone })))
          assert.strictEqual(yield* Effect.flip(cache.readThrough(key, { timeToLive, load: Effect.fail("no") })), "no")
          assert.deepStrictEqual(yield* cache.readThrough(key, { timeToLive, load: Effect.succeed(some(1)) }), some(1))
        })
      )

      it.effect(
        "readThroughMany loads all misses at once, stores them, and returns entries in the order of the keys",
        () =>
          Effect.gen(function* () {
            const cache = yield* Cache
            const [a, b, c, gone] = [freshKey(), freshKey(), freshKey(), freshKey()]
            yield* set(b, 2)
            const requested: Array<ReadonlyArray<string>> = []
            const load = (keys: ReadonlyArray<string>) =>
              Effect.sync(() => {
                requested.push(keys)
                return new Map(keys.filter((key) => key !== gone).map((key) => [key, entry(1)]))
              })
            const read = cache.readThroughMany([c, b, gone, a], { timeToLive, load })
            assert.deepStrictEqual(yield* read, [some(1), some(2), Option.none(), some(1)])
            assert.deepStrictEqual(yield* read, [some(1), some(2), Option.none(), some(1)])
            assert.deepStrictEqual(requested, [[c, gone, a], [gone]])
            assert.deepStrictEqual(yield* get(a), some(1))
            assert.deepStrictEqual(yield* cache.readThroughMany([], { timeToLive, load }), [])
            assert.strictEqual(requested.length, 2)
          })
      )

      it.effect("readThroughMany does not store a value that is older than an invalidation during the load", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const load = () => Effect.as(invalidate(key, 2), new Map([[key, entry(1, "old")]]))
          assert.deepStrictEqual(yield* cache.readThroughMany([key], { timeToLive, load }), [some(1, "old")])
          assert.isTrue(Option.isNone(yield* get(key)))
        })
      )

      it.effect("200 concurrent misses make one load", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const loads = yield* Ref.make(0)
          const load = Effect.gen(function* () {
            yield* Ref.update(loads, (n) => n + 1)
            for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
            return some(1)
          })
          const found = yield* Effect.all(
            Array.from({ length: 200 }, () => cache.readThrough(key, { timeToLive, load })),
            { concurrency: "unbounded" }
          )
          assert.isTrue(found.every(Option.isSome))
          assert.strictEqual(yield* Ref.get(loads), 1)
        })
      )

      it.effect("readThrough does not store a value that is older than an invalidation during the load", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const reading = yield* Deferred.make<void>()
          const written = yield* Deferred.make<void>()
          const load = Effect.andThen(
            Deferred.succeed(reading, undefined),
            Effect.as(Deferred.await(written), some(1, "old"))
          )
          const reader = yield* Effect.forkChild(cache.readThrough(key, { timeToLive, load }))
          yield* Deferred.await(reading)
          yield* invalidate(key, 2)
          yield* Deferred.succeed(written, undefined)
          yield* Fiber.join(reader)
          assert.isTrue(Option.isNone(yield* get(key)))
        })
      )

      it.effect("a read that began after a write never returns the result of a load from before it", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const reading = yield* Deferred.make<void>()
          const written = yield* Deferred.make<void>()
          const old = Effect.andThen(
            Deferred.succeed(reading, undefined),
            Effect.as(Deferred.await(written), some(1, "old"))
          )
          yield* Effect.forkChild(cache.readThrough(key, { timeToLive, load: old }))
          yield* Deferred.await(reading)
          yield* invalidate(key, 2)
          const after = yield* Effect.forkChild(
            cache.readThrough(key, { timeToLive, load: Effect.succeed(some(2, "new")) })
          )
          yield* Effect.yieldNow
          yield* Deferred.succeed(written, undefined)
          assert.deepStrictEqual(yield* Fiber.join(after), some(2, "new"))
        })
      )

      it.effect("an interrupted load does not block its waiters", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const loading = yield* Deferred.make<void>()
          const stuck = yield* Effect.forkChild(
            cache.readThrough(key, {
              timeToLive,
              load: Effect.andThen(Deferred.succeed(loading, undefined), Effect.never)
            })
          )
          yield* Deferred.await(loading)
          const waiting = yield* Effect.forkChild(cache.readThrough(key, { timeToLive, load: Effect.succeed(some(1)) }))
          yield* Fiber.interrupt(stuck)
          assert.deepStrictEqual(yield* Fiber.join(waiting), some(1))
        })
      )

      it.effect("waiters load themselves when the shared load takes too long", () =>
        Effect.gen(function* () {
          const cache = yield* Cache
          const key = freshKey()
          const loading = yield* Deferred.make<void>()
          yield* Effect.forkChild(
            cache.readThrough(key, {
              timeToLive,
              load: Effect.andThen(Deferred.succeed(loading, undefined), Effect.never)
            })
          )
          yield* Deferred.await(loading)
          const waiting = yield* Effect.forkChild(cache.readThrough(key, { timeToLive, load: Effect.succeed(some(1)) }))
          yield* time.until(
            Duration.millis(250),
            Effect.map(
              Effect.sync(() => waiting.pollUnsafe()),
              (exit) => exit !== undefined
            )
          )
          assert.deepStrictEqual(yield* Fiber.join(waiting), some(1))
        })
      )
    })
  })
