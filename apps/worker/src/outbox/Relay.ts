import { Broker } from "@user-service/broker/Broker"
import { Outbox, type Turn } from "@user-service/core/outbox/Outbox"
import { isEmbedded } from "@user-service/database/Embedded"
import * as Backoff from "@user-service/domain/Backoff"
import { Duration, Effect, Layer, Option, Queue } from "effect"
import { SqlClient } from "effect/sql"
import * as Stopping from "../Stopping.ts"
import * as UserBackoff from "./UserBackoff.ts"
import { OutboxNotices } from "./OutboxNotices.ts"
import { publishWith } from "./Publications.ts"
import { RelaySettings } from "./RelaySettings.ts"
import * as TurnAttempt from "./TurnAttempt.ts"

const batchLimit = 1000
const shardsPerTurn = 4
const maxBackoffUsers = 1000

// How long an event may wait if its notification is lost.
const pollInterval = Duration.seconds(1)
// Longer, since a turn on the embedded database takes milliseconds of CPU. No other process writes to it, so no notification is
// lost.
const embeddedPollInterval = Duration.seconds(5)

const backoff = Backoff.schedule({ initial: "100 millis", cap: "3 seconds" })

/**
 * Publishes the events of the outbox until the scope closes, and then completes the turns in progress. While an engine is
 * unavailable it retries with backoff.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const outbox = yield* Outbox
    const { turns } = yield* RelaySettings
    const userBackoff = UserBackoff.make(maxBackoffUsers)
    const publish = publishWith(yield* Broker, userBackoff)
    // One signal for each turn, whether events may wait. A notification wakes the first turn, and a full turn wakes the next one.
    const wakes = yield* Effect.replicateEffect(Queue.sliding<void>(1), isEmbedded(sql) ? 1 : turns)
    const wake = (number: number) => {
      const queue = wakes[number]
      return queue === undefined ? Effect.void : Queue.offer(queue, undefined)
    }

    const turn = Effect.gen(function* () {
      const except = yield* userBackoff.users
      return yield* outbox.relay({ limit: batchLimit, shards: shardsPerTurn, except }, publish)
    })
    const idle = (number: number, queue: Queue.Dequeue<void>) =>
      number > 0
        ? Queue.take(queue)
        : Effect.timeoutOption(Queue.take(queue), isEmbedded(sql) ? embeddedPollInterval : pollInterval)

    const loop =
      (queue: Queue.Queue<void>, number: number) =>
      ({ isStopping, orStop, untilStop }: Stopping.StopSignal) =>
        Effect.gen(function* () {
          while (!isStopping()) {
            const outcome = yield* Effect.option(Effect.retry(attemptTurn(turn), untilStop(backoff)))
            if (Option.isNone(outcome)) return
            if (outcome.value === "full") yield* wake(number + 1)
            if (outcome.value === "nothing") yield* orStop(idle(number, queue))
          }
        })

    yield* (yield* OutboxNotices).subscribe(wake(0))
    yield* Stopping.fork([...wakes].map(loop))
  })
).pipe(Layer.provide(Outbox.layer))

type Outcome = "nothing" | "some" | "full"

const outcomeOf = (turn: Turn): Effect.Effect<Outcome, { readonly message: string }> => {
  if (turn.taken === 0) return Effect.succeed("nothing")
  if (turn.left === turn.taken) return Effect.fail({ message: "The broker confirmed no event" })
  return Effect.succeed(turn.taken < batchLimit / 2 ? "some" : "full")
}

const attempt = TurnAttempt.attempt({
  outage: "Events wait in the outbox",
  defect: "Unexpected error in a turn of the outbox"
})

const attemptTurn = <E extends { readonly message: string }, R>(turn: Effect.Effect<Turn, E, R>) =>
  attempt(Effect.flatMap(turn, outcomeOf))
