import { normalisePassword } from "@user-service/domain/Password"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Clock, Context, Duration, Effect, Layer, Metric, Redacted, Semaphore } from "effect"
import { availableParallelism } from "node:os"
import * as HashDurations from "./HashDurations.ts"
import * as PasswordHash from "./PasswordHash.ts"
import { PasswordSettings } from "./PasswordSettings.ts"
import * as WorkerPool from "./WorkerPool.ts"

const queueDepth = Metric.gauge("password_hash_queue_depth", { description: "Password hashes waiting for a thread" })
const hashes = Metric.counter("password_hashes_total", {
  description: "Password hashes made or checked",
  incremental: true
})
const hashesByOperation = {
  hash: Metric.withAttributes(hashes, { operation: "hash" }),
  verify: Metric.withAttributes(hashes, { operation: "verify" })
}
const refusals = Metric.counter("password_hashes_refused_total", {
  description: "Password hashes refused because the queue was full",
  incremental: true
})
const duration = Metric.histogram("password_hash_duration_seconds", {
  description: "Time a thread worked on one password hash, without the wait",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
})

/** The result of checking a password. */
export interface Verification {
  readonly matches: boolean
  /** How much longer a check against the slowest scheme would have taken. */
  readonly remaining: Duration.Duration
}

/**
 * Password hashes in Django's format, which the Django service reads too. New ones are `bcrypt_sha256$$2b$<cost>$...`: bcrypt
 * over the SHA-256 of the password.
 *
 * Passwords are normalised to NFC before hashing and checking. Django did not do this, so a check also tries the password as typed
 * if NFC changes it.
 *
 * When `queueSize` hashes are waiting, the next one fails immediately with `ServiceUnavailable`. Its `retryAfterSeconds` is the
 * estimated time until the queue is processed. Hashing runs in worker threads, not on the event loop or libuv's threads.
 */
export class PasswordHasher extends Context.Service<
  PasswordHasher,
  {
    /**
     * Reserves a place in the queue for the hashes of the effect. Fails before the effect begins if the queue is full. Use it around the
     * work before a hash, such as database queries, so that refusing a login during overload is cheap.
     */
    readonly withPlace: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ServiceUnavailable, R>
    readonly hash: (password: Redacted.Redacted<string>) => Effect.Effect<string, ServiceUnavailable>
    /**
     * Checks a password against a hash. An unusable (`!...`) or malformed hash matches nothing, after the work of a real check.
     * `schemes` are the beginnings of all stored hashes (`bcrypt$$2b$12`, `pbkdf2_sha256$600000`). A caller that waits for
     * `remaining` before it refuses does not reveal the scheme of the account.
     */
    readonly verify: (
      password: Redacted.Redacted<string>,
      stored: string,
      schemes: ReadonlyArray<string>
    ) => Effect.Effect<Verification, ServiceUnavailable>
    /** Measures how long checks of these schemes take. Without it the first `verify` does. */
    readonly measure: (schemes: ReadonlyArray<string>) => Effect.Effect<void, ServiceUnavailable>
    /** Whether `stored` should be replaced at the next login, because of an older scheme or a lower cost. */
    readonly needsRehash: (stored: string) => boolean
    /** A hash with the current scheme that no password matches, to check the password of an unknown e-mail against. Cheap to create. */
    readonly decoy: Effect.Effect<string>
  }
>()("@user-service/security/PasswordHasher") {
  /** Hashes in worker threads, which start with the first jobs. */
  static readonly layer: Layer.Layer<PasswordHasher, never, PasswordSettings> = Layer.effect(
    PasswordHasher,
    Effect.gen(function* () {
      const settings = yield* PasswordSettings
      const context = yield* Effect.context<never>()
      yield* Metric.update(refusals, 0)
      const pool = yield* WorkerPool.make<PasswordHash.HashJob, PasswordHash.HashAnswer>({
        worker: "hash-worker",
        size: settings.threads ?? availableParallelism(),
        queueSize: settings.queueSize,
        niceness: settings.niceness,
        onDepth: (waiting) => queueDepth.updateUnsafe(waiting, context)
      })
      return make(settings.cost, pool)
    })
  )

  /** Hashes at bcrypt's lowest cost on the calling thread, without a queue. */
  static readonly layerTest: Layer.Layer<PasswordHasher> = Layer.sync(PasswordHasher, () =>
    make(4, {
      enterQueue: Effect.void,
      leaveQueue: Effect.void,
      run: (job) => Effect.sync(() => ({ ...PasswordHash.perform(job), milliseconds: 0 }))
    })
  )
}

const refuse = WorkerPool.refuse("password hashing", refusals)

const HasPlace = Context.Reference("@user-service/security/PasswordHasher/HasPlace", { defaultValue: () => false })

const make = (
  cost: number,
  pool: WorkerPool.WorkerPool<PasswordHash.HashJob, PasswordHash.HashAnswer>
): PasswordHasher["Service"] => {
  const enterQueue = Effect.catch(pool.enterQueue, refuse)
  const withPlace: PasswordHasher["Service"]["withPlace"] = (effect) =>
    Effect.flatMap(HasPlace, (hasPlace) =>
      hasPlace
        ? effect
        : Effect.acquireUseRelease(
            enterQueue,
            () => Effect.provideService(effect, HasPlace, true),
            () => pool.leaveQueue
          )
    )
  const perform = (job: PasswordHash.HashJob) => withPlace(Effect.catch(pool.run(job), refuse))
  const performWithMetrics = Effect.fnUntraced(function* (job: PasswordHash.HashJob) {
    const answer = yield* perform(job)
    yield* Metric.update(hashesByOperation[job.operation], 1)
    yield* Metric.update(duration, answer.milliseconds / 1000)
    return answer
  })

  const durations = HashDurations.make()
  const measurementLock = Semaphore.makeUnsafe(1)
  const measureWork = Effect.fnUntraced(function* (work: PasswordHash.HashWork) {
    if (durations.knows(work.kind)) return
    const part = PasswordHash.quarterOf(work)
    const job = { operation: "verify", spellings: [""], stored: PasswordHash.decoy(part), cost } as const
    const answers = yield* Effect.forEach([1, 2, 3], () => perform(job))
    durations.measure(
      part,
      answers.map(({ milliseconds }) => milliseconds)
    )
  })
  const worksOf = (schemes: ReadonlyArray<string>) =>
    [PasswordHash.decoyOfNewHash(cost), ...schemes].map((scheme) => PasswordHash.workOf(scheme, cost))
  const measure = (works: ReadonlyArray<PasswordHash.HashWork>) =>
    works.every(({ kind }) => durations.knows(kind))
      ? Effect.void
      : measurementLock.withPermits(1)(Effect.forEach(works, measureWork, { discard: true }))

  return {
    withPlace,
    hash: Effect.fn("PasswordHasher.hash")(function* (password: Redacted.Redacted<string>) {
      const normal = normalisePassword(Redacted.value(password))
      return String((yield* performWithMetrics({ operation: "hash", password: normal, cost })).value)
    }),
    verify: Effect.fn("PasswordHasher.verify")(function* (
      password: Redacted.Redacted<string>,
      stored: string,
      schemes: ReadonlyArray<string>
    ) {
      const works = worksOf(schemes)
      yield* measure(works)
      const typed = Redacted.value(password)
      const normal = normalisePassword(typed)
      const spellings = normal === typed ? [normal] : [normal, typed]
      const { milliseconds, value } = yield* performWithMetrics({ operation: "verify", spellings, stored, cost })
      const now = yield* Clock.currentTimeMillis
      if (spellings.length === 1) durations.observe(PasswordHash.workOf(stored, cost), milliseconds, now)
      const slowest = Math.max(...works.map((work) => durations.expected(work, now))) * spellings.length
      return { matches: value === true, remaining: Duration.millis(Math.max(slowest - milliseconds, 0)) }
    }),
    measure: (schemes) => Effect.suspend(() => measure(worksOf(schemes))),
    needsRehash: (stored) => PasswordHash.needsRehash(stored, cost),
    decoy: Effect.sync(() => PasswordHash.decoyOfNewHash(cost))
  }
}
