import { Context, Effect, Layer, Queue } from "effect"
import { SqlClient } from "effect/sql"

/** The channel on which relays listen. */
export const outboxChannel = "outbox"

/**
 * Notifies relays after a commit that the outbox has rows, at most once in 5 ms per process. It is not sent inside the
 * transactions, because PostgreSQL serialises all commits that NOTIFY. A signal may be lost, so relays also poll.
 */
export class OutboxSignal extends Context.Service<OutboxSignal, { readonly send: Effect.Effect<void> }>()(
  "@user-service/core/changes/OutboxSignal"
) {
  static readonly layer = Layer.effect(
    OutboxSignal,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const pending = yield* Queue.sliding<void>(1)
      yield* Queue.take(pending).pipe(
        Effect.andThen(sql`select pg_notify(${outboxChannel}, '')`),
        Effect.catchCause((cause) => Effect.logDebug("The outbox signal was not sent", cause)),
        Effect.andThen(Effect.sleep("5 millis")),
        Effect.forever,
        Effect.forkScoped
      )
      return { send: Effect.asVoid(Queue.offer(pending, undefined)) }
    })
  )
}
