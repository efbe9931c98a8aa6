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

// A positive answer is believed for less than a second, so that a session ended elsewhere is refused here within one.
const believedMillis = 900

// How long an "alive" stays in the cache before the database is asked again. Most ends are told to the cache at once, or by
// the relay for a process that could not. Where neither could, as with one process cut off from Redis and no worker, this
// and what is believed on top of it bound how long an ended session goes on: less than a minute.
const aliveTimeToLive = Duration.seconds(55)

// Enough for a busy process; past it the oldest answers go, which costs a look at the cache.
const maxRemembered = 50_000

const ended = Symbol("ended")

// In the cache "ended" is the newer version, so that no read begun before the end can put "alive" over it.
const aliveEntry = { version: 1, value: "alive" }
const endedEntry = { version: 2, value: "ended" }

/**
 * Whether a session of this user still lives: by a positive answer less than a second old in this process, else by the cache, else by
 * the database, which is asked once a minute at the least. Not knowing never counts as alive.
 */
export class LiveSessions extends Context.Service<
  LiveSessions,
  {
    /** `ServiceUnavailable` when there is no engine left to ask. */
    readonly isAlive: (userId: UserId, id: SessionId) => Effect.Effect<boolean, ServiceUnavailable>
    /** Refuses the sessions from here on, at once in this process. */
    readonly ended: (sessions: ReadonlyArray<Pick<SessionRevoked, "userId" | "sessionId">>) => Effect.Effect<void>
  }
>()("@user-service/core/cached/LiveSessions") {
  static readonly layerNoDeps = Layer.effect(
    LiveSessions,
    Effect.gen(function* () {
      const cache = yield* Cache
      const repo = yield* LiveSessionsRepo
      const storage = yield* Storage.Storage
      // How long a token of an ended session could still be shown.
      const endedTimeToLive = (yield* SessionSettings).accessLifetime
      // By the key of the session and its user: until when each is believed alive; an ended one stays ended, whatever an
      // older read still brings.
      const remembered = new Map<string, number | typeof ended>()

      const remember = (key: string, state: number | typeof ended) => {
        remembered.delete(key)
        remembered.set(key, state)
        if (remembered.size > maxRemembered) {
          for (const oldest of remembered.keys()) {
            remembered.delete(oldest)
            break
          }
        }
      }

      const ask = Effect.fnUntraced(function* (key: string, userId: UserId, id: SessionId) {
        const asked = yield* Clock.currentTimeMillis
        const answer = yield* cache.readThrough(key, {
          timeToLive: aliveTimeToLive,
          load: Effect.map(
            storage.read(Effect.flatMap(DateTime.now, (now) => repo.isAlive(userId, id, now))),
            (alive) => Option.some(alive ? aliveEntry : endedEntry)
          )
        })
        const alive = Option.exists(answer, (entry) => entry.value === aliveEntry.value)
        if (!alive || remembered.get(key) === ended) {
          remember(key, ended)
          return false
        }
        remember(key, asked + believedMillis)
        return true
      })

      const isAlive = Effect.fnUntraced(function* (userId: UserId, id: SessionId) {
        const key = sessionKey(userId, id)
        const state = remembered.get(key)
        if (state === ended) return false
        if (state !== undefined && state > (yield* Clock.currentTimeMillis)) return true
        return yield* ask(key, userId, id)
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

      return { isAlive, ended: end }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(LiveSessionsRepo.layer))
}
