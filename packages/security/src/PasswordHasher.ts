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
const performed = {
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

/** What came of the check of a password. */
export interface Verification {
  readonly matches: boolean
  /** How much longer a check against a hash of the slowest scheme would have taken. */
  readonly remaining: Duration.Duration
}

/**
 * Password hashes in Django's format, so that both services read them. New ones are `bcrypt_sha256$$2b$<cost>$...`:
 * bcrypt over the SHA-256 of the password, every byte of which counts.
 *
 * Passwords are brought to NFC here, for hashing and checking alike. Django hashed what was typed, so a password that NFC
 * changes is tried as typed too.
 *
 * At most `queueSize` wait; the next fails at once with `ServiceUnavailable`, whose `retryAfterSeconds` is when those ahead
 * will be done. Nothing here runs on the event loop or on libuv's threads.
 */
export class PasswordHasher extends Context.Service<
  PasswordHasher,
  {
    /**
     * Runs the effect with a place in the queue, which its hashes then do not ask for; where none is left it is refused
     * before it begins. Put it around the work that leads up to a hash: in a storm of logins most are refused, and that is
     * to cost next to nothing.
     */
    readonly withPlace: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ServiceUnavailable, R>
    readonly hash: (password: Redacted.Redacted<string>) => Effect.Effect<string, ServiceUnavailable>
    /**
     * Checks a password against a hash. Nothing matches an unusable (`!...`) or malformed one, after the work of a real
     * check. `schemes` are those of all stored hashes, by their beginnings (`bcrypt$$2b$12`, `pbkdf2_sha256$600000`): who
     * waits for what is `remaining` before a refusal does not tell which of them the account has.
     */
    readonly verify: (
      password: Redacted.Redacted<string>,
      stored: string,
      schemes: ReadonlyArray<string>
    ) => Effect.Effect<Verification, ServiceUnavailable>
    /** Measures how long checks of these schemes take here, where that was not done yet; else `verify` does it. */
    readonly measure: (schemes: ReadonlyArray<string>) => Effect.Effect<void, ServiceUnavailable>
    /** Whether `stored` should be replaced when its password is next known: an older scheme, or a lower cost than ours. */
    readonly needsRehash: (stored: string) => boolean
    /** A new hash of our scheme that no password matches: for the password of an unknown e-mail. Costs nothing to make. */
    readonly decoy: Effect.Effect<string>
  }
>()("@user-service/security/PasswordHasher") {
  /** Hashes in threads of its own, started with the first jobs. */
  static readonly layer: Layer.Layer<PasswordHasher, never, PasswordSettings> = Layer.effect(
    PasswordHasher,
    Effect.gen(function* () {
      const settings = yield* PasswordSettings
      const context = yield* Effect.context<never>()
      const pool = yield* WorkerPool.make<PasswordHash.HashJob, PasswordHash.HashAnswer>({
        worker: "hash-worker",
        size: settings.threads ?? availableParallelism(),
        queueSize: settings.queueSize,
        onDepth: (waiting) => queueDepth.updateUnsafe(waiting, context)
      })
      return make(settings.cost, pool)
    })
  )

  /** The same hashes at bcrypt's lowest cost, made where they are asked for, in no time: no threads, no queue, no wait. */
  static readonly layerTest: Layer.Layer<PasswordHasher> = Layer.sync(PasswordHasher, () =>
    make(4, {
      takePlace: Effect.void,
      leavePlace: Effect.void,
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
  const takePlace = Effect.catch(pool.takePlace, refuse)
  const withPlace: PasswordHasher["Service"]["withPlace"] = (effect) =>
    Effect.flatMap(HasPlace, (hasPlace) =>
      hasPlace
        ? effect
        : Effect.acquireUseRelease(
            takePlace,
            () => Effect.provideService(effect, HasPlace, true),
            () => pool.leavePlace
          )
    )
  const perform = (job: PasswordHash.HashJob) => withPlace(Effect.catch(pool.run(job), refuse))
  const counted = Effect.fnUntraced(function* (job: PasswordHash.HashJob) {
    const answer = yield* perform(job)
    yield* Metric.update(performed[job.operation], 1)
    yield* Metric.update(duration, answer.milliseconds / 1000)
    return answer
  })

  const durations = HashDurations.make()
  const measuring = Semaphore.makeUnsafe(1)
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
    [PasswordHash.ownDecoy(cost), ...schemes].map((scheme) => PasswordHash.workOf(scheme, cost))
  const measure = (works: ReadonlyArray<PasswordHash.HashWork>) =>
    works.every(({ kind }) => durations.knows(kind))
      ? Effect.void
      : measuring.withPermits(1)(Effect.forEach(works, measureWork, { discard: true }))

  return {
    withPlace,
    hash: Effect.fn("PasswordHasher.hash")(function* (password: Redacted.Redacted<string>) {
      const normal = normalisePassword(Redacted.value(password))
      return String((yield* counted({ operation: "hash", password: normal, cost })).value)
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
      const { milliseconds, value } = yield* counted({ operation: "verify", spellings, stored, cost })
      const now = yield* Clock.currentTimeMillis
      if (spellings.length === 1) durations.observe(PasswordHash.workOf(stored, cost), milliseconds, now)
      const slowest = Math.max(...works.map((work) => durations.expected(work, now))) * spellings.length
      return { matches: value === true, remaining: Duration.millis(Math.max(slowest - milliseconds, 0)) }
    }),
    measure: (schemes) => Effect.suspend(() => measure(worksOf(schemes))),
    needsRehash: (stored) => PasswordHash.needsRehash(stored, cost),
    decoy: Effect.sync(() => PasswordHash.ownDecoy(cost))
  }
}
