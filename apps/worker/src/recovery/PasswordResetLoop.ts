import { outboxChannel } from "@user-service/core/changes/OutboxSignal"
import { PasswordResetMails } from "@user-service/core/recovery/PasswordResetMails"
import { isEmbedded } from "@user-service/database/Embedded"
import * as Notifications from "@user-service/database/Notifications"
import * as Backoff from "@user-service/domain/Backoff"
import { Cause, Data, Duration, Effect, Layer, Option, Queue, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import * as Stopping from "../Stopping.ts"

const batchLimit = 100

// How long a request may wait if its notification is lost. Notifications of the embedded database are not lost.
const pollInterval = Duration.seconds(1)
const embeddedPollInterval = Duration.seconds(5)

const backoff = Backoff.schedule({ initial: "100 millis", cap: "3 seconds" })

/**
 * Handles requests for password resets until the scope closes. Requests wait in the database while it is unavailable, or while
 * no worker runs.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const resetMails = yield* PasswordResetMails
    const wakes = yield* Queue.sliding<void>(1)
    const interval = isEmbedded(sql) ? embeddedPollInterval : pollInterval

    const loop = ({ isStopping, orStop, untilStop }: Stopping.StopSignal) =>
      Effect.gen(function* () {
        while (!isStopping()) {
          const handled = yield* Effect.option(Effect.retry(attempt(resetMails.send(batchLimit)), untilStop(backoff)))
          if (Option.isNone(handled)) return
          if (handled.value < batchLimit) yield* orStop(Effect.timeoutOption(Queue.take(wakes), interval))
        }
      })

    yield* Stopping.fork([loop])
    yield* Effect.forkScoped(Notifications.listen(outboxChannel, Queue.offer(wakes, undefined)))
  })
).pipe(Layer.provide(PasswordResetMails.layer))

/** A turn handled no request. The reason is in the log. */
class TurnFailed extends Data.TaggedError("TurnFailed")<{}> {}

// An outage is logged once, at its first failure. Each defect is logged and does not end the loop.
const attempt = <E extends { readonly message: string }, R>(turn: Effect.Effect<number, E, R>) =>
  turn.pipe(
    Effect.catch(({ message: reason }) => Effect.andThen(warnOnce(reason), Effect.fail(new TurnFailed()))),
    Effect.catchCauseIf(
      (cause) => !Cause.hasFails(cause) && !Cause.hasInterrupts(cause),
      (cause) =>
        Effect.andThen(
          Effect.logError("Unexpected error while handling password reset requests", cause),
          Effect.fail(new TurnFailed())
        )
    )
  )

const warnOnce = (reason: string) =>
  Effect.flatMap(Schedule.CurrentMetadata, ({ attempt: retries }) =>
    retries === 0
      ? Effect.annotateLogs(Effect.logWarning("Password reset requests wait in the database"), { reason })
      : Effect.void
  )
