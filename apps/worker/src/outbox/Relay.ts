import { Broker } from "@user-service/broker/Broker"
import { outboxChannel } from "@user-service/core/changes/OutboxSignal"
import { Outbox, type Turn } from "@user-service/core/outbox/Outbox"
import * as Notifications from "@user-service/database/Notifications"
import { isEmbedded } from "@user-service/database/Embedded"
import { Cause, Duration, Effect, Layer, Queue, Random } from "effect"
import { SqlClient } from "effect/sql"
import * as Stopping from "../Stopping.ts"
import * as UserBackoff from "./UserBackoff.ts"
import { publishWith } from "./Publications.ts"

export interface RelaySettings extends Stopping.StoppingSettings {
  /** How many turns this process has at a time: some wait for the database while others wait for the broker. */
  readonly turns: number
}

const batchLimit = 1000
const shardsInATurn = 4
const maxBackoffUsers = 1000

// How long what nobody tells of may wait.
const pollInterval = Duration.seconds(1)
// Nobody else writes to the embedded database, so no signal is lost on the way; a turn takes milliseconds of the processor.
const embeddedPollInterval = Duration.seconds(5)

const shortestBackoff = 100
const longestBackoff = 3000

/**
 * Publishes what waits in the outbox, as long as the scope, and finishes the turns it is in when that closes. Nothing stops
 * it: while an engine is away it tries again in growing steps.
 */
export const layer = (settings: RelaySettings) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const outbox = yield* Outbox
      const userBackoff = UserBackoff.make(maxBackoffUsers)
      const publish = publishWith(yield* Broker, userBackoff)
      // For each turn whether there may be something. The first is woken by others, and wakes the next when there is more.
      const wakes = yield* Effect.replicateEffect(Queue.sliding<void>(1), isEmbedded(sql) ? 1 : settings.turns)
      const wake = (number: number) => {
        const queue = wakes[number]
        return queue === undefined ? Effect.void : Queue.offer(queue, undefined)
      }

      const turn = Effect.gen(function* () {
        const except = yield* userBackoff.users
        return yield* outbox.relay({ limit: batchLimit, shards: shardsInATurn, except }, publish)
      })
      const idle = (number: number, queue: Queue.Dequeue<void>) =>
        number > 0
          ? Queue.take(queue)
          : Effect.timeoutOption(Queue.take(queue), isEmbedded(sql) ? embeddedPollInterval : pollInterval)

      const loop =
        (queue: Queue.Queue<void>, number: number) =>
        ({ isStopping, orStop }: Stopping.Stopping) =>
          Effect.gen(function* () {
            let failures = 0
            while (!isStopping()) {
              const outcome = yield* attempt(turn, failures === 0)
              failures = outcome === "failed" ? failures + 1 : 0
              if (outcome === "failed") yield* orStop(backoff(failures))
              if (outcome === "full") yield* wake(number + 1)
              if (outcome === "nothing") yield* orStop(idle(number, queue))
            }
          })

      yield* Stopping.fork([...wakes].map(loop), settings)
      yield* Effect.forkScoped(Notifications.listen(outboxChannel, wake(0)))
    })
  )

type Outcome = "nothing" | "some" | "full" | "failed"

const outcomeOf = ({ left, taken }: Turn): Outcome => {
  if (taken === 0) return "nothing"
  if (left === taken) return "failed"
  return taken < batchLimit / 2 ? "some" : "full"
}

// An outage is told when it begins; a defect must not end the relay, and is told each time.
const attempt = <E extends { readonly message: string }, R>(turn: Effect.Effect<Turn, E, R>, isFirst: boolean) => {
  const failed = (reason: string) =>
    Effect.as(
      isFirst ? Effect.annotateLogs(Effect.logWarning("Events wait in the outbox"), { reason }) : Effect.void,
      "failed" as const
    )
  return turn.pipe(
    Effect.map(outcomeOf),
    Effect.flatMap((outcome) => (outcome === "failed" ? failed("The broker confirmed none") : Effect.succeed(outcome))),
    Effect.catch((error) => failed(error.message)),
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterrupts(cause),
      (cause) =>
        Effect.as(Effect.logError("A turn of the outbox failed, for a reason of ours", cause), "failed" as const)
    )
  )
}

const backoff = (failures: number) =>
  Effect.flatMap(Random.nextBetween(0.5, 1), (part) =>
    Effect.sleep(part * Math.min(longestBackoff, shortestBackoff * 2 ** (failures - 1)))
  )
