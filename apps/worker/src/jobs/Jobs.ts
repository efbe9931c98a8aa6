import { FinishedMails } from "@user-service/core/retention/FinishedMails"
import { OldActivity } from "@user-service/core/retention/OldActivity"
import { OldIdempotencyKeys } from "@user-service/core/retention/OldIdempotencyKeys"
import { OldLoginAddresses } from "@user-service/core/retention/OldLoginAddresses"
import { AuditPartitions } from "@user-service/core/audit/AuditPartitions"
import { ErasureBatches } from "@user-service/core/erasures/ErasureBatches"
import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { OldDeliveries } from "@user-service/core/retention/OldDeliveries"
import { OldDeliveryDecisions } from "@user-service/core/retention/OldDeliveryDecisions"
import { OldFailedLogins } from "@user-service/core/retention/OldFailedLogins"
import { OldKnownNetworks } from "@user-service/core/retention/OldKnownNetworks"
import { Outbox } from "@user-service/core/outbox/Outbox"
import { StalePushTokens } from "@user-service/core/retention/StalePushTokens"
import { ExpiredOneTimeTokens } from "@user-service/core/retention/ExpiredOneTimeTokens"
import { ExpiredSessions } from "@user-service/core/retention/ExpiredSessions"
import { SilencedPushTokens } from "@user-service/core/sessions/SilencedPushTokens"
import * as EmailCanonicals from "@user-service/database/EmailCanonicals"
import { whileLeading } from "@user-service/database/Leadership"
import { Cause, Context, DateTime, Duration, Effect, Exit, Layer, Metric, Option, Random } from "effect"
import { SqlClient } from "effect/sql"
import * as Stopping from "../Stopping.ts"
import { RetentionSettings } from "./RetentionSettings.ts"

/** Maintenance work in bounded batches. A batch is idempotent, and two processes may run it at the same time. */
export interface Job {
  readonly name: string
  /** Processes a batch and returns its size. A size below {@link batchLimit} means that nothing is left for now. */
  readonly batch: Effect.Effect<number, { readonly message: string }>
}

/** The most items in a batch. */
export const batchLimit = 500

const monthsAhead = 2

// The time from the start of a process to its first round.
const startPause = Duration.seconds(3)

// About 200 MB.
const keptFailedLogins = 1_000_000

// Each may have hundreds of batches of its own, and a stop waits for them.
const maxErasures = 10

// The key of the advisory lock. It must be unique in the database.
const lockKey = 7_301_531

const make = Effect.gen(function* () {
  const outbox = yield* Outbox
  const expiredSessions = yield* ExpiredSessions
  const expiredOneTimeTokens = yield* ExpiredOneTimeTokens
  const stalePushTokens = yield* StalePushTokens
  const silencedPushTokens = yield* SilencedPushTokens
  const auditPartitions = yield* AuditPartitions
  const deliveries = yield* OldDeliveries
  const deliveryDecisions = yield* OldDeliveryDecisions
  const deadLetters = yield* DeadLetters
  const loginAddresses = yield* OldLoginAddresses
  const finishedMails = yield* FinishedMails
  const idempotencyKeys = yield* OldIdempotencyKeys
  const knownNetworks = yield* OldKnownNetworks
  const failedLogins = yield* OldFailedLogins
  const activity = yield* OldActivity
  const erasures = yield* ErasureBatches
  const retentions = yield* RetentionSettings
  const sql = yield* SqlClient.SqlClient

  const before = (retention: Duration.Duration) =>
    Effect.map(DateTime.now, (now) => DateTime.subtractDuration(now, retention))
  const removePublished = Effect.flatMap(before(retentions.outbox), (time) => outbox.removePublished(time, batchLimit))
  const removeDeliveries = Effect.flatMap(before(retentions.deliveries), (time) => deliveries.remove(time, batchLimit))
  const removeDeadLetters = Effect.flatMap(before(retentions.deadLetters), (time) =>
    deadLetters.removeReceived(time, batchLimit)
  )
  // A full batch of the job, whose items are rows and not erasures, if there may be more.
  const resumeErasures = Effect.map(erasures.resume(maxErasures), (count) => (count < maxErasures ? count : batchLimit))
  return [
    { name: "erasures", batch: resumeErasures },
    { name: "audit_partitions", batch: Effect.as(auditPartitions.ensure(monthsAhead), 0) },
    // An older release or an import may have written users without a canonical address since the migration.
    { name: "email_canonicals", batch: Effect.as(EmailCanonicals.fill(sql), 0) },
    { name: "silenced_push_tokens", batch: silencedPushTokens.deactivate(batchLimit) },
    { name: "stale_push_tokens", batch: stalePushTokens.expire(batchLimit) },
    { name: "expired_sessions", batch: expiredSessions.remove(batchLimit) },
    { name: "expired_one_time_tokens", batch: expiredOneTimeTokens.remove(batchLimit) },
    { name: "login_addresses", batch: loginAddresses.remove(batchLimit) },
    { name: "idempotency_keys", batch: idempotencyKeys.remove(batchLimit) },
    { name: "known_networks", batch: knownNetworks.remove(batchLimit) },
    { name: "failed_logins", batch: failedLogins.remove(batchLimit) },
    { name: "excess_failed_logins", batch: failedLogins.removeBeyond(keptFailedLogins, batchLimit) },
    { name: "outbox_retention", batch: removePublished },
    { name: "finished_mails", batch: finishedMails.remove(batchLimit) },
    { name: "delivery_retention", batch: removeDeliveries },
    { name: "delivery_decisions", batch: deliveryDecisions.remove(batchLimit) },
    { name: "dead_letter_retention", batch: removeDeadLetters },
    { name: "activity", batch: activity.remove(batchLimit) }
  ]
})

/** All jobs, in the order of a round. */
export class Jobs extends Context.Service<Jobs, ReadonlyArray<Job>>()("@user-service/worker/jobs/Jobs") {
  static readonly layerNoDeps = Layer.effect(Jobs, make)

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      AuditPartitions.layer,
      DeadLetters.layer,
      ErasureBatches.layer,
      ExpiredOneTimeTokens.layer,
      ExpiredSessions.layer,
      FinishedMails.layer,
      OldActivity.layer,
      OldDeliveries.layer,
      OldDeliveryDecisions.layer,
      OldIdempotencyKeys.layer,
      OldFailedLogins.layer,
      OldKnownNetworks.layer,
      OldLoginAddresses.layer,
      Outbox.layer,
      SilencedPushTokens.layer,
      StalePushTokens.layer
    ])
  )
}

/**
 * Runs each job to completion, one after the other, or until `isStopping` holds after a batch. A job that fails does not
 * prevent the next one.
 */
export const round = (jobs: ReadonlyArray<Job>, isStopping: () => boolean = () => false): Effect.Effect<void> =>
  Effect.forEach(jobs, (job) => run(job, isStopping), { discard: true })

/**
 * Runs rounds until the scope closes, in one process of all at a time. When the scope closes, the batch in progress is
 * completed.
 */
export const layerOf = (jobs: ReadonlyArray<Job>, interval = Duration.minutes(1)) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      // From zero, so that Prometheus sees the first failure as an increase (decision 0036).
      for (const { name } of jobs) {
        yield* Effect.forEach(["done", "failed"] as const, (outcome) => Metric.update(runsOf(name, outcome), 0))
      }
      // Random, so that processes that started together do not compete for the lock at the same moments.
      const pause = Effect.flatMap(Random.nextBetween(0.8, 1.2), (part) => Effect.sleep(Duration.times(interval, part)))

      const lead = (isStopping: () => boolean) =>
        round(jobs, isStopping).pipe(
          whileLeading(lockKey),
          Effect.provideService(SqlClient.SqlClient, sql),
          Effect.flatMap((outcome) => Metric.update(leading, Option.isSome(outcome) ? 1 : 0)),
          // The database is unavailable. The next round tries again.
          Effect.catch((error) => Effect.logDebug("No round of jobs", error))
        )
      const loop = Effect.fnUntraced(function* ({ isStopping, orStop }: Stopping.StopSignal) {
        // A start with requests waiting comes before maintenance, which can take all of the embedded database's only connection.
        yield* orStop(Effect.sleep(Duration.min(interval, startPause)))
        while (!isStopping()) {
          yield* lead(isStopping)
          yield* orStop(pause)
        }
      })
      yield* Stopping.fork([loop])
    })
  )

/** Runs rounds of all jobs. See {@link layerOf}. */
export const layer = Layer.unwrap(Effect.map(Jobs, (jobs) => layerOf(jobs))).pipe(Layer.provide(Jobs.layer))

const run = Effect.fnUntraced(function* ({ batch, name }: Job, isStopping: () => boolean) {
  const [elapsed, exit] = yield* Effect.timed(
    Effect.exit(
      Effect.gen(function* () {
        let total = 0
        for (;;) {
          if (isStopping()) return total
          const count = yield* batch
          total += count
          yield* Metric.update(Metric.withAttributes(items, { name }), count)
          if (count < batchLimit) return total
        }
      })
    )
  )
  // The process stops and its deadline for the batch has passed.
  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
  const outcome = Exit.isSuccess(exit) ? "done" : "failed"
  yield* Metric.update(runsOf(name, outcome), 1)
  const log = Effect.annotateLogs({ job: name, duration_ms: Math.round(Duration.toMillis(elapsed)) })
  if (Exit.isFailure(exit)) {
    yield* log(Effect.logError("A job failed; the next round retries it", exit.cause))
  } else if (exit.value > 0) yield* log(Effect.annotateLogs(Effect.logInfo("A job completed"), { items: exit.value }))
})

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

// The label is not `job`, which is the name of the scraped program in Prometheus.
const runs = counter("worker_job_runs_total", "Runs of jobs, by outcome")
const runsOf = (name: string, outcome: "done" | "failed") => Metric.withAttributes(runs, { name, outcome })
const items = counter("worker_job_items_total", "Rows that jobs processed")
const leading = Metric.gauge("worker_jobs_leading", {
  description: "1 if this process ran the last round of jobs, else 0"
})
