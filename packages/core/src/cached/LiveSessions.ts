import { Cache } from "@user-service/cache/Cache"
import type { SessionRevoked } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import * as Storage from "@user-service/database/Storage"
import { Clock, Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { sessionKey } from "./CacheKeys.ts"
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

// "ended" has the higher version, so that a read that began before the end cannot replace it by "alive".
const aliveEntry = { version: 1, value: "alive" }
const endedEntry = { version: 2, value: "ended" }

/**
 * Whether a user's session is alive. The answer comes from this process if it is less than a second old, else from the
 * cache, else from the database, which is read at least once a minute for each session in use. If no engine answers, the
 * session does not count as alive.
 */
export class LiveSessions extends Context.Service<
  LiveSessions,
  {
    /** Fails with `ServiceUnavailable` if neither the cache nor the database answers. */
    readonly isAlive: (userId: UserId, id: SessionId) => Effect.Effect<boolean, ServiceUnavailable>
    /** Marks the sessions as ended in this process and in the cache. */
    readonly end: (sessions: ReadonlyArray<Pick<SessionRevoked, "userId" | "sessionId">>) => Effect.Effect<void>
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

      const readState = Effect.fnUntraced(function* (key: string, userId: UserId, id: SessionId) {
        const askedAt = yield* Clock.currentTimeMillis
        const answer = yield* cache.readThrough(key, {
          timeToLive: aliveTimeToLive,
          load: Effect.map(
            storage.read(Effect.flatMap(DateTime.now, (now) => repo.isAlive(userId, id, now))),
            (alive) => Option.some(alive ? aliveEntry : endedEntry)
          )
        })
        const alive = Option.exists(answer, (entry) => entry.value === aliveEntry.value)
        if (!alive || states.get(key) === ended) {
          remember(key, ended)
          return false
        }
        remember(key, askedAt + trustMillis)
        return true
      })

      const isAlive = Effect.fnUntraced(function* (userId: UserId, id: SessionId) {
        const key = sessionKey(userId, id)
        const state = states.get(key)
        if (state === ended) return false
        if (state !== undefined && state > (yield* Clock.currentTimeMillis)) return true
        return yield* readState(key, userId, id)
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

      return { isAlive, end }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(LiveSessionsRepo.layer))
}
