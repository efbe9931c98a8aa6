// The replay of dead letters that staff requested (decision 0044).
import { Broker } from "@user-service/broker/Broker"
import { replayOf } from "@user-service/broker/DeadMessage"
import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import type { DeadLetterContent } from "@user-service/core/dead-letters/DeadLettersRepo"
import * as Backoff from "@user-service/domain/Backoff"
import type { DeadLetterId } from "@user-service/domain/DeadLetter"
import { Duration, Effect, Layer, Option } from "effect"
import * as TurnAttempt from "../outbox/TurnAttempt.ts"
import * as Stopping from "../Stopping.ts"

// How long a request may wait. Requests are rare, so no notification is worth its connection, and the query on no rows costs little.
const pollInterval = Duration.seconds(2)

// The pause after a round with letters that were not confirmed, which may be large.
const retryInterval = Duration.seconds(10)

const backoff = Backoff.schedule({ initial: "100 millis", cap: "3 seconds" })

const attempt = TurnAttempt.attempt({
  outage: "Dead letters to replay wait in the database",
  defect: "Unexpected error while replaying dead letters"
})

/**
 * Publishes the dead letters whose replay staff requested until the scope closes, and then completes the turn in progress. Each
 * round tries each letter once, so that one that no queue takes delays no other.
 */
export const layerNoDeps = Layer.effectDiscard(
  Effect.gen(function* () {
    const letters = yield* DeadLetters
    const publish = publishWith(yield* Broker)

    const loop = ({ isStopping, orStop, untilStop }: Stopping.StopSignal) =>
      Effect.gen(function* () {
        let last = Option.none<DeadLetterId>()
        let left = 0
        while (!isStopping()) {
          const turn = yield* Effect.option(
            Effect.retry(attempt(letters.replayRequested(last, publish)), untilStop(backoff))
          )
          if (Option.isNone(turn)) return
          last = turn.value.last
          left += turn.value.left
          if (Option.isSome(last)) continue
          yield* orStop(Effect.sleep(left > 0 ? retryInterval : pollInterval))
          left = 0
        }
      })
    yield* Stopping.fork([loop])
  })
)

export const layer = layerNoDeps.pipe(Layer.provide(DeadLetters.layer))

/** Publishes letters and returns the ids of the confirmed ones. Logs once for each letter that is not confirmed. */
const publishWith = (broker: Broker["Service"]) => {
  const reported = new Set<DeadLetterId>()

  return Effect.fnUntraced(function* (letters: ReadonlyArray<DeadLetterContent>) {
    const outcomes = yield* broker.publishAll(letters.map(replayOf))
    const confirmed: Array<DeadLetterId> = []
    for (const [index, { id, queue }] of letters.entries()) {
      const outcome = outcomes[index] ?? "unconfirmed"
      const log = Effect.annotateLogs({ id, queue, outcome })
      if (outcome === "confirmed") {
        confirmed.push(id)
        reported.delete(id)
        yield* log(Effect.logInfo("Replayed a dead letter"))
      } else if (!reported.has(id)) {
        reported.add(id)
        yield* log(Effect.logWarning("A dead letter was not replayed; it is tried again until it is discarded"))
      }
    }
    return confirmed
  })
}
