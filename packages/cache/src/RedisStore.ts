import { Array, Duration, Effect, Metric, Option } from "effect"
import { Redis } from "effect/persistence"
import type { Entry, Invalidation } from "./Cache.ts"
import * as Epoch from "./Epoch.ts"
import { RedisHealth } from "./Redis.ts"
import { failures, refusals, type Store, tombstoneMillis } from "./Store.ts"

// An entry is `<version>:<value>`, a tombstone `<version>`: one string, so that reading it is one GET.
const standing = `
local function standing(key)
  local version, live = string.match(redis.call('GETRANGE', key, 0, 16), '^(%d+)(:?)')
  return tonumber(version), live == ':'
end
`

const setScript = Redis.script(
  (key: string, version: number, value: string, millis: number) => [key, version, value, millis],
  {
    numberOfKeys: 1,
    lua: `${standing}
local version, live = standing(KEYS[1])
local new = tonumber(ARGV[1])
if version and (version > new or (version == new and live)) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
return 1
`
  }
).withReturnType<number>()

// An entry that is new enough stays, unless it expires before a tombstone would: it must keep older versions out as long. If the
// key of the epoch follows the other keys, the script returns its value, which saves a command.
const invalidateScript = Redis.script(
  (at: number, entries: ReadonlyArray<Invalidation>, epochKeys: ReadonlyArray<string>) => [
    ...entries.map(({ key }) => `${at}:${key}`),
    ...epochKeys,
    ...entries.map(({ version }) => version),
    tombstoneMillis
  ],
  {
    numberOfKeys: (_, entries, epochKeys) => entries.length + epochKeys.length,
    lua: `${standing}
local millis = ARGV[#ARGV]
for index = 1, #ARGV - 1 do
  local key = KEYS[index]
  local version, live = standing(key)
  local stands = version and version >= tonumber(ARGV[index])
  if not (stands and live and redis.call('PTTL', key) >= tonumber(millis)) then
    redis.call('SET', key, stands and string.format('%.0f', version) or ARGV[index], 'PX', millis)
  end
end
return #KEYS == #ARGV and redis.call('GET', KEYS[#KEYS])
`
  }
).withReturnType<string | null>()

// Redis executes nothing else during a script, so a script should take at most two milliseconds.
const batchSize = 500

// The hash tag of a key, the part in braces, decides which node of a cluster has it.
const slotOf = ({ key }: Invalidation): string => /\{(.+?)\}/.exec(key)?.[1] ?? key

const parse = (text: string | null): Option.Option<Entry> => {
  const colon = text === null ? -1 : text.indexOf(":")
  return text === null || colon < 0
    ? Option.none()
    : Option.some({ version: Number(text.slice(0, colon)), value: text.slice(colon + 1) })
}

const millisOf = (timeToLive: Duration.Duration) => Math.max(1, Math.ceil(Duration.toMillis(timeToLive)))

// How often a write is repeated because the epoch changed during it, before it increases the epoch itself.
const maxRounds = 3

export const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis
  const { isCluster } = yield* RedisHealth
  const epoch = yield* Epoch.make
  const setIn = redis.eval(setScript)
  const invalidateIn = redis.eval(invalidateScript)

  /** Runs a command and then reads the epoch, in the same round trip. */
  const withEpoch = <A>(command: Effect.Effect<A, Redis.RedisError>) =>
    Effect.all([command, redis.send<string | null>("get", epoch.key)], { concurrency: "unbounded" })

  const epochAfter = <A>(command: Effect.Effect<A, Redis.RedisError>) =>
    Effect.map(withEpoch(command), ([, answer]) => answer)

  // A script cannot read the epoch in a cluster: it is on one node, the entries may be on another.
  const invalidateInCluster = (at: number, entries: ReadonlyArray<Invalidation>) =>
    epochAfter(
      Effect.forEach([...Map.groupBy(entries, slotOf).values()], (some) => invalidateIn(at, some, []), {
        concurrency: "unbounded",
        discard: true
      })
    )

  const invalidateOnSingle = (at: number, entries: ReadonlyArray<Invalidation>) =>
    entries.length <= batchSize
      ? invalidateIn(at, entries, [epoch.key])
      : epochAfter(
          Effect.forEach(Array.chunksOf(entries, batchSize), (some) => invalidateIn(at, some, []), {
            concurrency: "unbounded",
            discard: true
          })
        )

  const invalidateAt = isCluster ? invalidateInCluster : invalidateOnSingle

  /** Runs a read, together with a read of the epoch if that is due. */
  const read = <A>(command: Effect.Effect<A, Redis.RedisError>) =>
    epoch.isDue()
      ? Effect.map(withEpoch(command), ([answer, current]) => {
          epoch.observe(current)
          return answer
        })
      : command

  const missed = Effect.succeed(Option.none<Entry>())
  const failed = Metric.update(failures, 1)
  const countRefusal = (kept: number) => (kept === 1 ? Effect.void : Metric.update(refusals, 1))

  /**
   * Runs a write in the current epoch, and repeats it if the epoch has changed during the write: readers of a later epoch would
   * not see it. `run` returns the epoch that it read after the write. Uninterruptible, because an unconfirmed write may be lost.
   */
  const write = (run: (at: number) => Effect.Effect<string | null, Redis.RedisError>, round = 1): Effect.Effect<void> =>
    Effect.suspend(() => {
      const at = epoch.current()
      if (at === undefined || round > maxRounds) return Effect.sync(epoch.markLost)
      return run(at).pipe(
        Effect.flatMap((answer) => {
          epoch.observe(answer)
          return epoch.current() === at ? Effect.void : write(run, round + 1)
        }),
        Effect.catch(() => Effect.andThen(failed, Effect.sync(epoch.markLost)))
      )
    }).pipe(Effect.uninterruptible)

  const store: Store = {
    epoch: epoch.current,
    get: (key) =>
      Effect.suspend(() => {
        const at = epoch.current()
        if (at === undefined) return missed
        return Effect.matchEffect(read(redis.send<string | null>("get", `${at}:${key}`)), {
          onFailure: () => Effect.andThen(failed, missed),
          onSuccess: (text) => (epoch.current() === at ? Effect.succeed(parse(text)) : missed)
        })
      }),
    getMany: (keys) =>
      Effect.suspend(() => {
        const at = epoch.current()
        const allMissed = Effect.succeed(keys.map(() => Option.none<Entry>()))
        if (at === undefined || keys.length === 0) return allMissed
        return Effect.matchEffect(
          read(redis.send<ReadonlyArray<string | null>>("mget", ...keys.map((key) => `${at}:${key}`))),
          {
            onFailure: () => Effect.andThen(failed, allMissed),
            onSuccess: (texts) => (epoch.current() === at ? Effect.succeed(texts.map(parse)) : allMissed)
          }
        )
      }),
    fill: (at, key, entry, timeToLive) =>
      Effect.suspend(() =>
        epoch.current() === at
          ? Effect.flatMap(setIn(`${at}:${key}`, entry.version, entry.value, millisOf(timeToLive)), countRefusal)
          : Effect.void
      ).pipe(Effect.catch(() => failed)),
    set: (key, entry, timeToLive) =>
      write((at) =>
        epochAfter(
          Effect.flatMap(setIn(`${at}:${key}`, entry.version, entry.value, millisOf(timeToLive)), countRefusal)
        )
      ),
    invalidate: (entries) => (entries.length === 0 ? Effect.void : write((at) => invalidateAt(at, entries)))
  }
  return store
})
