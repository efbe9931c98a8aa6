import { Cache, type Entry } from "@user-service/cache/Cache"
import type { SessionRevoked } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import * as Storage from "@user-service/database/Storage"
import { Clock, Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { notBeforeKey, sessionKey } from "./CacheKeys.ts"
import { SessionSettings } from "../SessionSettings.ts"
import { LiveSessionsRepo } from "./LiveSessionsRepo.ts"

// A process trusts a positive answer for less than a second, so that it refuses a session that another process ended
// within a second.
const trustMillis = 900

// How long "alive" is cached before the database is read again. The process that ends a session usually writes "ended" to
// the cache, else the relay does. If neither can, for example without Redis and without a worker, this time and
// `trustMillis` bound how long an ended session is still accepted: less than a minute.
const aliveTimeToLive = Duration.seconds(55)

// Enough for a busy process. Beyond it the oldest answers are dropped, which costs one read of the cache each.
const maxStates = 50_000

const ended = Symbol("ended")

// "alive" has the not-before time of all sessions as its version, in milliseconds: the session was alive when that time was in
// force. "ended" has the highest version, so that a read that began before the end cannot replace it by "alive".
const versionOf = (notBefore: DateTime.Utc): number => DateTime.toEpochMillis(notBefore) + 1
const alive = "alive"
const endedEntry = { version: Number.MAX_SAFE_INTEGER, value: "ended" }

const notBeforeEntry = (notBefore: DateTime.Utc): Entry => ({
  version: versionOf(notBefore),
  value: DateTime.formatIso(notBefore)
})

const isAliveEntry = (entry: Option.Option<Entry>): entry is Option.Some<Entry> =>
  Option.exists(entry, ({ value }) => value === alive)

/**
 * Whether a user's session is alive. The answer comes from this process if it is less than a second old, else from the
 * cache, else from the database, which is read at least once a minute for each session in use. If no engine answers, the
 * session does not count as alive.
 *
 * The end of all sessions is one not-before time, which a process reads in the same way: at most once in 900 ms for all its
 * sessions (decision 0042).
 */
export class LiveSessions extends Context.Service<
  LiveSessions,
  {
    /** Fails with `ServiceUnavailable` if neither the cache nor the database answers. */
    readonly isAlive: (userId: UserId, id: SessionId) => Effect.Effect<boolean, ServiceUnavailable>
    /** Marks the sessions as ended in this process and in the cache. */
    readonly end: (sessions: ReadonlyArray<Pick<SessionRevoked, "userId" | "sessionId">>) => Effect.Effect<void>
    /** Ends all sessions from before the not-before time, which is committed, in this process and in the cache. */
    readonly endAll: (notBefore: DateTime.Utc) => Effect.Effect<void>
  }
>()("@user-service/core/cached/LiveSessions") {
  static readonly layerNoDeps = Layer.effect(
    LiveSessions,
    Effect.gen(function* () {
      const cache = yield* Cache
      const repo = yield* LiveSessionsRepo
      const storage = yield* Storage.Storage
      // After this time the last access token of an ended session has expired.
      const endedTimeToLive = (yield* SessionSettings).accessLifetime
      // By session key: until when the session counts as alive, or that it ended. An older read never replaces "ended".
      const states = new Map<string, number | typeof ended>()

      const remember = (key: string, state: number | typeof ended) => {
        states.delete(key)
        states.set(key, state)
        if (states.size > maxStates) {
          for (const oldest of states.keys()) {
            states.delete(oldest)
            break
          }
        }
      }

      // The version of "alive" for the not-before time in force, and until when this process trusts that it is.
      let aliveVersion = 0
      let trustedUntil = 0

      const raiseVersion = (version: number) => {
        if (version <= aliveVersion) return
        aliveVersion = version
        for (const [key, state] of states) if (state !== ended) states.delete(key)
      }

      const readNotBefore = Effect.fnUntraced(function* (now: number) {
        const entry = yield* cache.readThrough(notBeforeKey, {
          timeToLive: aliveTimeToLive,
          load: Effect.map(storage.read(repo.notBefore), (time) => Option.some(notBeforeEntry(time)))
        })
        if (Option.isNone(entry)) return
        raiseVersion(entry.value.version)
        trustedUntil = Math.max(trustedUntil, now + trustMillis)
      })

      const readEntry = (key: string, userId: UserId, id: SessionId) =>
        cache.readThrough(key, {
          timeToLive: aliveTimeToLive,
          load: Effect.map(
            storage.read(Effect.flatMap(DateTime.now, (now) => repo.state(userId, id, now))),
            ({ isAlive, notBefore }) =>
              Option.some(isAlive ? { version: versionOf(notBefore), value: alive } : endedEntry)
          )
        })

      const readState = Effect.fnUntraced(function* (key: string, userId: UserId, id: SessionId, now: number) {
        const isTrusted = trustedUntil > now
        let [entry] = yield* Effect.all([readEntry(key, userId, id), isTrusted ? Effect.void : readNotBefore(now)], {
          concurrency: 2
        })
        // Cached before the last end of all sessions. The second read comes from the database.
        if (isAliveEntry(entry) && entry.value.version < aliveVersion) {
          yield* cache.invalidate([{ key, version: aliveVersion }])
          entry = yield* readEntry(key, userId, id)
        }
        if (!isAliveEntry(entry) || states.get(key) === ended) {
          remember(key, ended)
          return false
        }
        raiseVersion(entry.value.version)
        remember(key, now + trustMillis)
        return true
      })

      const isAlive = Effect.fnUntraced(function* (userId: UserId, id: SessionId) {
        const key = sessionKey(userId, id)
        const state = states.get(key)
        if (state === ended) return false
        const now = yield* Clock.currentTimeMillis
        if (state !== undefined && state > now && trustedUntil > now) return true
        return yield* readState(key, userId, id, now)
      })

      const end = Effect.fnUntraced(function* (sessions: ReadonlyArray<Pick<SessionRevoked, "userId" | "sessionId">>) {
        for (const { sessionId, userId } of sessions) remember(sessionKey(userId, sessionId), ended)
        yield* Effect.forEach(
          sessions,
          ({ sessionId, userId }) =>
            cache.set(sessionKey(userId, sessionId), { ...endedEntry, timeToLive: endedTimeToLive }),
          { concurrency: "unbounded", discard: true }
        )
      })

      const endAll = Effect.fnUntraced(function* (notBefore: DateTime.Utc) {
        raiseVersion(versionOf(notBefore))
        yield* cache.set(notBeforeKey, { ...notBeforeEntry(notBefore), timeToLive: aliveTimeToLive })
      })

      return { isAlive, end, endAll }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(LiveSessionsRepo.layer))
}
