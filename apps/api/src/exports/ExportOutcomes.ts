import { TokenInvalid } from "@user-service/domain/Token"
import { RoleTooLow } from "@user-service/domain/Role"
import { Cause, Effect, Exit, Metric } from "effect"

const outcomes = ["completed", "failed", "aborted"] as const

/** What the exports of one kind are called. */
interface ExportKind {
  readonly metric: string
  readonly description: string
  /** The log line of a failure. */
  readonly failure: string
}

// The client left, the service shuts down, or the right to the export ended while it was sent.
const isAborted = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  return Cause.hasInterruptsOnly(cause) || error instanceof TokenInvalid || error instanceof RoleTooLow
}

/**
 * Counts the exports whose head was sent, by outcome. The access log has the status of the head, so an export that fails after it is
 * logged here.
 */
export const makeExportOutcomes = Effect.fnUntraced(function* ({ description, failure, metric }: ExportKind) {
  const total = Metric.counter(metric, { description, incremental: true })
  const count = (outcome: (typeof outcomes)[number], exports: number) =>
    Metric.update(Metric.withAttributes(total, { outcome }), exports)
  for (const outcome of outcomes) yield* count(outcome, 0)
  return (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
    if (Exit.isSuccess(exit)) return count("completed", 1)
    return isAborted(exit.cause)
      ? count("aborted", 1)
      : Effect.andThen(Effect.logWarning(failure, exit.cause), count("failed", 1))
  }
})
