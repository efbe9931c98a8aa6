import { isEmbedded } from "@user-service/database/Embedded"
import * as Storage from "@user-service/database/Storage"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer, Metric, Result, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { secondsSince } from "../Age.ts"
import { Invalidations, type UserVersion } from "../cached/Invalidations.ts"
import { OutboxRepo, type StoredEvent } from "./OutboxRepo.ts"

/** An event to publish. */
export interface OutboxEvent {
  /** The same each time the event is published. */
  readonly id: string
  readonly userId: UserId
  readonly event: DomainEvent
  /** The W3C Trace Context of the change, or null if it was not traced. */
  readonly traceparent: string | null
  readonly occurredAt: DateTime.Utc
}

/** The bounds of one turn. */
export interface Batch {
  /** The maximal number of events. */
  readonly limit: number
  /** The maximal number of shards, so that other relays find some too. */
  readonly shards: number
  /** The users whose events are not taken in this turn. */
  readonly except: ReadonlyArray<UserId>
}

/** The result of a turn: the number of events taken, and of those among them that were not published. */
export interface Turn {
  readonly taken: number
  readonly left: number
}

/** The backlog of the relays. */
interface Lag {
  /** At most a million: the count stops there. */
  readonly waiting: number
  readonly setAside: number
  /** The age of the oldest waiting event. */
  readonly seconds: number
}

/**
 * The transactional outbox: publishes each event at least once, and the events of one user in order. Several relays may run,
 * also in several processes: a shard, and with it a user, belongs to one relay at a time.
 */
export class Outbox extends Context.Service<
  Outbox,
  {
    /**
     * Takes waiting events, repeats their cache invalidations for processes that died after their commit, passes the events to
     * `publish` in order, and marks those as published whose ids `publish` returns. All of this is one transaction of at most
     * three seconds: a relay that dies has published more events than are marked, never fewer.
     *
     * Events that this release cannot decode are set aside and logged. They delay no other event.
     */
    readonly relay: <E, R>(
      batch: Batch,
      publish: (events: Array.NonEmptyReadonlyArray<OutboxEvent>) => Effect.Effect<ReadonlyArray<string>, E, R>
    ) => Effect.Effect<Turn, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    readonly lag: Effect.Effect<Lag, ServiceUnavailable>
    /** Deletes at most `limit` events published before `before` and returns their number. */
    readonly removePublished: (before: DateTime.Utc, limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/outbox/Outbox") {
  static readonly layerNoDeps = Layer.effect(
    Outbox,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repo = yield* OutboxRepo
      const storage = yield* Storage.Storage
      const invalidations = yield* Invalidations

      const setAside = Effect.fnUntraced(function* (unreadable: ReadonlyArray<StoredEvent>, now: DateTime.Utc) {
        if (unreadable.length === 0) return
        yield* repo.setAside(unreadable.map(idOf), now)
        yield* Metric.update(setAsideTotal, unreadable.length)
        // The payloads are not logged, because they may be personal data.
        const events = unreadable.map(({ eventType, id }) => `${eventType} ${id}`)
        yield* Effect.annotateLogs(Effect.logError("Set aside events that this release cannot read"), { events })
      })

      const take = Effect.fnUntraced(function* ({ except, limit, shards }: Batch) {
        const taken = yield* repo.take(shards)
        // A second statement, so that its snapshot includes the marks of the relay that had the shard before.
        return taken.length === 0 ? [] : yield* repo.waiting(taken, Math.ceil(limit / taken.length), except)
      })

      const turn = Effect.fnUntraced(function* <E, R>(
        batch: Batch,
        publish: (events: Array.NonEmptyReadonlyArray<OutboxEvent>) => Effect.Effect<ReadonlyArray<string>, E, R>
      ) {
        const stored = yield* take(batch)
        const [events, unreadable] = Array.partition(stored, decodeStored)
        yield* setAside(unreadable, yield* DateTime.now)
        if (!Array.isReadonlyArrayNonEmpty(events)) return { taken: stored.length, left: 0 }
        yield* invalidations.apply(
          latestVersions(stored),
          events.map(({ event }) => event)
        )
        const published = yield* publish(events)
        if (published.length > 0) yield* repo.markPublished(published, yield* DateTime.now)
        return { taken: stored.length, left: events.length - published.length }
      })

      // An embedded database has one connection and one relay: it needs no lock of shards, and a transaction would make all
      // other statements wait for the broker.
      const runTurn = isEmbedded(sql) ? storage.write : storage.transaction

      const lag = Effect.gen(function* () {
        const { oldest, setAside, waiting } = yield* storage.read(repo.lag(maxCount))
        const now = yield* DateTime.now
        return { waiting, setAside, seconds: secondsSince(oldest, now) }
      })

      return {
        relay: (batch, publish) => runTurn(turn(batch, publish)),
        lag,
        removePublished: Effect.fn("Outbox.removePublished")((before: DateTime.Utc, limit: number) =>
          storage.write(repo.removePublished(before, limit))
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([OutboxRepo.layer, Invalidations.layer]))
}

const maxCount = 1_000_000

const setAsideTotal = Metric.counter("outbox_set_aside_total", {
  description: "Events set aside since this release cannot read them",
  incremental: true
})

// The events are in order of position, and a user's version rises with it, so the last one of each user counts.
const latestVersions = (stored: ReadonlyArray<StoredEvent>): ReadonlyArray<UserVersion> => [
  ...new Map(stored.map(({ userId, userVersion }) => [userId, { id: userId, version: userVersion }])).values()
]

const idOf = ({ id }: StoredEvent): string => id

const decode = Schema.decodeUnknownResult(Schema.toCodecJson(DomainEvent))

// Fails with the stored event itself, so that it can be set aside.
const decodeStored = (stored: StoredEvent): Result.Result<OutboxEvent, StoredEvent> => {
  const { createdAt, id, payload, traceparent, userId } = stored
  return Result.mapBoth(decode(payload), {
    onFailure: () => stored,
    onSuccess: (event) => ({ id, userId, event, traceparent, occurredAt: createdAt })
  })
}
