import { isEmbedded } from "@user-service/database/Embedded"
import * as Storage from "@user-service/database/Storage"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer, Metric, Result, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Invalidations, type UserVersion } from "../cached/Invalidations.ts"
import { OutboxRepo, type StoredEvent } from "./OutboxRepo.ts"

/** An event on its way out. */
export interface OutboxEvent {
  /** The same however often it is published. */
  readonly id: string
  readonly userId: UserId
  readonly event: DomainEvent
  /** Of the change, where it was traced (W3C Trace Context). */
  readonly traceparent: string | null
  readonly occurredAt: DateTime.Utc
}

/** What is to be taken out in one turn. */
export interface Batch {
  /** How many events at most. */
  readonly limit: number
  /** From how many shards at most, so that other relays find some too. */
  readonly shards: number
  /** Whose events stay where they are. */
  readonly except: ReadonlyArray<UserId>
}

/** What became of a turn: how many events were taken out, and how many of them still wait. */
export interface Turn {
  readonly taken: number
  readonly left: number
}

/** How far behind the relays are. */
interface Lag {
  /** Counted to a million. */
  readonly waiting: number
  readonly setAside: number
  /** How long the oldest has been waiting. */
  readonly seconds: number
}

/**
 * Events out, at least once each, a user's in their order. Several relays may work on it, also in several processes: a
 * shard, and so a user, is in the hands of one at a time.
 */
export class Outbox extends Context.Service<
  Outbox,
  {
    /**
     * One turn: takes some of what waits, invalidates again what it is about, for the process that died between its commit
     * and that, hands it to `publish` in order, and marks as published what this says is. All of it in a transaction, so
     * whoever dies on the way has published more than is marked, never less. It has three seconds, with `publish`.
     *
     * What this release cannot read is set aside and logged, and holds up nothing.
     */
    readonly relay: <E, R>(
      batch: Batch,
      publish: (events: Array.NonEmptyReadonlyArray<OutboxEvent>) => Effect.Effect<ReadonlyArray<string>, E, R>
    ) => Effect.Effect<Turn, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    readonly lag: Effect.Effect<Lag, ServiceUnavailable>
    /** Deletes `limit` at most of those published before; answers how many. */
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
        // Without what is in them, which may be personal.
        const events = unreadable.map(({ eventType, id }) => `${eventType} ${id}`)
        yield* Effect.annotateLogs(Effect.logError("Events that cannot be read are set aside"), { events })
      })

      const take = Effect.fnUntraced(function* ({ except, limit, shards }: Batch) {
        const taken = yield* repo.take(shards)
        // A statement of its own, which sees what whoever had the shard before has marked.
        return taken.length === 0 ? [] : yield* repo.waiting(taken, Math.ceil(limit / taken.length), except)
      })

      const turn = Effect.fnUntraced(function* <E, R>(
        batch: Batch,
        publish: (events: Array.NonEmptyReadonlyArray<OutboxEvent>) => Effect.Effect<ReadonlyArray<string>, E, R>
      ) {
        const stored = yield* take(batch)
        const [events, unreadable] = Array.partition(stored, read)
        yield* setAside(unreadable, yield* DateTime.now)
        if (!Array.isReadonlyArrayNonEmpty(events)) return { taken: stored.length, left: 0 }
        yield* invalidations.apply(
          newestOf(stored),
          events.map(({ event }) => event)
        )
        const published = yield* publish(events)
        if (published.length > 0) yield* repo.markPublished(published, yield* DateTime.now)
        return { taken: stored.length, left: events.length - published.length }
      })

      // Where nobody else works on it there is nothing to hold, and a transaction would keep all others waiting for the broker.
      const inTurn = isEmbedded(sql) ? storage.write : storage.transaction

      const lag = Effect.gen(function* () {
        const { oldest, setAside, waiting } = yield* storage.read(repo.lag(mostCounted))
        const now = yield* DateTime.now
        const millis = oldest === null ? 0 : DateTime.toEpochMillis(now) - DateTime.toEpochMillis(oldest)
        return { waiting, setAside, seconds: Math.max(0, millis / 1000) }
      })

      return {
        relay: (batch, publish) => inTurn(turn(batch, publish)),
        lag,
        removePublished: Effect.fn("Outbox.removePublished")((before: DateTime.Utc, limit: number) =>
          storage.write(repo.removePublished(before, limit))
        )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([OutboxRepo.layer, Invalidations.layer]))
}

const mostCounted = 1_000_000

const setAsideTotal = Metric.counter("outbox_set_aside_total", {
  description: "Events set aside since this release cannot read them",
  incremental: true
})

// A user's versions rise with the positions.
const newestOf = (stored: ReadonlyArray<StoredEvent>): ReadonlyArray<UserVersion> => [
  ...new Map(stored.map(({ userId, userVersion }) => [userId, { id: userId, version: userVersion }])).values()
]

const idOf = ({ id }: StoredEvent): string => id

const decode = Schema.decodeUnknownResult(Schema.toCodecJson(DomainEvent))

// What cannot be read is passed on as it is.
const read = (stored: StoredEvent): Result.Result<OutboxEvent, StoredEvent> => {
  const { createdAt, id, payload, traceparent, userId } = stored
  return Result.mapBoth(decode(payload), {
    onFailure: () => stored,
    onSuccess: (event) => ({ id, userId, event, traceparent, occurredAt: createdAt })
  })
}
