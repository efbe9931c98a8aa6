// The relay of the outbox of mails (decision 0027).
import { Broker } from "@user-service/broker/Broker"
import { MailOutbox } from "@user-service/core/mails/MailOutbox"
import { isEmbedded } from "@user-service/database/Embedded"
import * as Backoff from "@user-service/domain/Backoff"
import { Duration, Effect, Layer, Option, Queue } from "effect"
import { SqlClient } from "effect/sql"
import { OutboxNotices } from "../outbox/OutboxNotices.ts"
import * as TurnAttempt from "../outbox/TurnAttempt.ts"
import * as Stopping from "../Stopping.ts"
import { publishWith } from "./MailPublications.ts"

const batchLimit = 200

// How long a mail may wait beyond its due time.
const pollInterval = Duration.seconds(1)
// Longer, as in the relay of events.
const embeddedPollInterval = Duration.seconds(5)

// Events wake this relay too. Nobody notices that a mail leaves a tenth of a second later, and a turn for each event would cost the
// database more than the events do.
const minInterval = Duration.millis(100)

const backoff = Backoff.schedule({ initial: "100 millis", cap: "3 seconds" })

const attempt = TurnAttempt.attempt({
  outage: "Mails wait in the outbox",
  defect: "Unexpected error in a turn of the outbox of mails"
})

/**
 * Publishes the mails of the outbox until the scope closes, and then completes the turn in progress. Drops mails when they
 * expire. Independent of the relay of events: neither waits for the other.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const outbox = yield* MailOutbox
    const publish = publishWith(yield* Broker)
    const wakes = yield* Queue.sliding<void>(1)
    const idle = Effect.andThen(
      Effect.sleep(minInterval),
      Effect.timeoutOption(Queue.take(wakes), isEmbedded(sql) ? embeddedPollInterval : pollInterval)
    )

    const turn = Effect.gen(function* () {
      // First, since mails also expire while the broker is unavailable.
      const dropped = yield* outbox.dropExpired(batchLimit)
      const { taken } = yield* outbox.relay(batchLimit, publish)
      return dropped + taken
    })

    const loop = ({ isStopping, orStop, untilStop }: Stopping.StopSignal) =>
      Effect.gen(function* () {
        while (!isStopping()) {
          const handled = yield* Effect.option(Effect.retry(attempt(turn), untilStop(backoff)))
          if (Option.isNone(handled)) return
          if (handled.value === 0) yield* orStop(idle)
        }
      })

    yield* (yield* OutboxNotices).subscribe(Queue.offer(wakes, undefined))
    yield* Stopping.fork([loop])
  })
).pipe(Layer.provide(MailOutbox.layer))
