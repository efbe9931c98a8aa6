// An outbox for mails, apart from that of events (decision 0027).
import { isEmbedded } from "@user-service/database/Embedded"
import * as Storage from "@user-service/database/Storage"
import * as Backoff from "@user-service/domain/Backoff"
import { Mail, mailTypeOf } from "@user-service/domain/Mail"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Array, Context, DateTime, Effect, Layer, Metric, Result, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { secondsSince } from "../Age.ts"
import { MailOutboxRepo, type StoredMail } from "./MailOutboxRepo.ts"

/** A mail to publish. */
export interface OutgoingMail {
  /** The id of the notification, the same each time the mail is published. */
  readonly id: string
  readonly mail: Mail
  /** The W3C Trace Context of the change, or null if it was not traced. */
  readonly traceparent: string | null
  readonly createdAt: DateTime.Utc
}

/** The result of a turn: the number of mails taken, and of those among them that were not confirmed. */
export interface MailTurn {
  readonly taken: number
  readonly left: number
}

/** The backlog of all processes. */
interface MailLag {
  /** At most a million: the count stops there. */
  readonly waiting: number
  /** The age of the oldest waiting mail. */
  readonly seconds: number
}

/**
 * The outbox of mails: publishes each mail at least once before it expires, and keeps no content of a mail afterwards. Mails
 * have no order. Several relays may run, also in several processes: a mail belongs to one of them at a time.
 */
export class MailOutbox extends Context.Service<
  MailOutbox,
  {
    /**
     * Takes due mails, at most `limit` new ones and as many retries, passes them to `publish`, and removes the content of those
     * whose ids `publish` returns. The others are due again after a delay, which doubles with each attempt. All of this is one
     * transaction of at most five seconds: a relay that dies has published more mails than are finished, never fewer.
     *
     * A mail that this release cannot decode is logged and waits for another release like an unconfirmed one.
     */
    readonly relay: <E, R>(
      limit: number,
      publish: (mails: Array.NonEmptyReadonlyArray<OutgoingMail>) => Effect.Effect<ReadonlyArray<string>, E, R>
    ) => Effect.Effect<MailTurn, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /**
     * Drops at most `limit` expired mails and returns their number. Each is counted and logged without its content, and its
     * delivery, if still pending, has failed with the code `expired`.
     */
    readonly dropExpired: (limit: number) => Effect.Effect<number, ServiceUnavailable>
    readonly lag: Effect.Effect<MailLag, ServiceUnavailable>
  }
>()("@user-service/core/mails/MailOutbox") {
  static readonly layerNoDeps = Layer.effect(
    MailOutbox,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repo = yield* MailOutboxRepo
      const storage = yield* Storage.Storage
      yield* Effect.forEach(Mail.members, ({ identifier }) => Metric.update(droppedOf(identifier), 0), {
        discard: true
      })

      const turn = Effect.fnUntraced(function* <E, R>(
        limit: number,
        publish: (mails: Array.NonEmptyReadonlyArray<OutgoingMail>) => Effect.Effect<ReadonlyArray<string>, E, R>
      ) {
        const stored = yield* repo.take(limit, yield* DateTime.now)
        const [mails, unreadable] = Array.partition(stored, decodeStored)
        yield* logUnreadable(unreadable)
        const confirmed = Array.isReadonlyArrayNonEmpty(mails) ? yield* publish(mails) : []
        const now = yield* DateTime.now
        if (confirmed.length > 0) yield* repo.finish(confirmed, now)
        const finished = new Set(confirmed)
        const left = stored.filter(({ id }) => !finished.has(id))
        if (left.length > 0) yield* repo.postpone(yield* Effect.forEach(left, (mail) => postponementOf(mail, now)))
        return { taken: stored.length, left: left.length }
      })

      // As in `Outbox`: a transaction on the embedded database would make all other statements wait for the broker.
      const runTurn = isEmbedded(sql) ? storage.write : storage.transaction

      const dropExpired = Effect.fnUntraced(function* (limit: number) {
        const now = yield* DateTime.now
        const dropped = yield* storage.transaction(repo.dropExpired(limit, now))
        yield* reportDropped(dropped)
        return dropped.length
      })

      const lag = Effect.gen(function* () {
        const { oldest, waiting } = yield* storage.read(repo.lag(maxCount))
        const now = yield* DateTime.now
        return { waiting, seconds: secondsSince(oldest, now) }
      })

      return { relay: (limit, publish) => runTurn(turn(limit, publish)), dropExpired, lag }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(MailOutboxRepo.layer))
}

const maxCount = 1_000_000

// A person may wait for the mail, so the delays are short.
const backoff: Backoff.BackoffOptions = { initial: "1 second", cap: "30 seconds" }

const postponementOf = ({ attempts, id }: StoredMail, now: DateTime.Utc) =>
  Effect.map(Backoff.delayAfter(backoff, attempts + 1), (delay) => ({ id, until: DateTime.addDuration(now, delay) }))

/** The types and ids of mails, for the log. */
const namesOf = (mails: ReadonlyArray<{ readonly id: string; readonly mailType: string }>) =>
  mails.map(({ id, mailType }) => `${mailTypeOf(mailType)} ${id}`)

// Once for each mail, at its first attempt.
const logUnreadable = (unreadable: ReadonlyArray<StoredMail>) => {
  const mails = namesOf(unreadable.filter(({ attempts }) => attempts === 0))
  return mails.length === 0
    ? Effect.void
    : Effect.annotateLogs(Effect.logError("Mails wait that this release cannot read"), { mails })
}

const reportDropped = Effect.fnUntraced(function* (
  dropped: ReadonlyArray<{ readonly id: string; readonly mailType: string }>
) {
  if (dropped.length === 0) return
  for (const { mailType } of dropped) {
    yield* Metric.update(droppedOf(mailType), 1)
  }
  const mails = namesOf(dropped)
  yield* Effect.annotateLogs(Effect.logWarning("Dropped mails that no queue took before they expired"), { mails })
})

const droppedOf = (tag: string) => Metric.withAttributes(droppedTotal, { type: mailTypeOf(tag) })
const droppedTotal = Metric.counter("mails_dropped_total", {
  description: "Mails dropped because no queue took them before they expired, by type",
  incremental: true
})

const decode = Schema.decodeUnknownResult(Schema.toCodecJson(Mail))

// Fails with the stored mail itself, not with the error, which may quote the token.
const decodeStored = (stored: StoredMail): Result.Result<OutgoingMail, StoredMail> => {
  const { createdAt, id, payload, traceparent } = stored
  return Result.mapBoth(decode(payload), {
    onFailure: () => stored,
    onSuccess: (mail) => ({ id, mail, traceparent, createdAt })
  })
}
