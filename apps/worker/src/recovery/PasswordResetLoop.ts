import { PasswordResetMails } from "@user-service/core/recovery/PasswordResetMails"
import { isEmbedded } from "@user-service/database/Embedded"
import * as Backoff from "@user-service/domain/Backoff"
import { Duration, Effect, Layer, Option, Queue } from "effect"
import { SqlClient } from "effect/sql"
import { OutboxNotices } from "../outbox/OutboxNotices.ts"
import * as TurnAttempt from "../outbox/TurnAttempt.ts"
import * as Stopping from "../Stopping.ts"

const batchLimit = 100

// How long a request may wait if its notification is lost. Notifications of the embedded database are not lost.
const pollInterval = Duration.seconds(1)
const embeddedPollInterval = Duration.seconds(5)

// Events wake this loop too, and a turn for each event would cost the database more than the requests do (see the relay of mails).
const minInterval = Duration.millis(100)

const backoff = Backoff.schedule({ initial: "100 millis", cap: "3 seconds" })

const attempt = TurnAttempt.attempt({
  outage: "Password reset requests wait in the database",
  defect: "Unexpected error while handling password reset requests"
})

/**
 * Handles requests for password resets until the scope closes. Requests wait in the database while it is unavailable, or while
 * no worker runs.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const resetMails = yield* PasswordResetMails
    const wakes = yield* Queue.sliding<void>(1)
    const idle = Effect.andThen(
      Effect.sleep(minInterval),
      Effect.timeoutOption(Queue.take(wakes), isEmbedded(sql) ? embeddedPollInterval : pollInterval)
    )

    const loop = ({ isStopping, orStop, untilStop }: Stopping.StopSignal) =>
      Effect.gen(function* () {
        while (!isStopping()) {
          const handled = yield* Effect.option(Effect.retry(attempt(resetMails.send(batchLimit)), untilStop(backoff)))
          if (Option.isNone(handled)) return
          if (handled.value < batchLimit) yield* orStop(idle)
        }
      })

    yield* (yield* OutboxNotices).subscribe(Queue.offer(wakes, undefined))
    yield* Stopping.fork([loop])
  })
).pipe(Layer.provide(PasswordResetMails.layer))
