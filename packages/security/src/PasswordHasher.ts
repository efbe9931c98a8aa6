import { normalisePassword } from "@user-service/domain/Password"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Config, Context, Effect, Layer, Metric, Redacted, Schema } from "effect"
import { availableParallelism } from "node:os"
import * as HashPool from "./HashPool.ts"
import * as PasswordHash from "./PasswordHash.ts"

/** How dear a hash is and how many may wait. */
export interface PasswordHasherSettings {
  /** bcrypt's cost: each step doubles the work. 4 to 16. */
  readonly cost: number
  /** How many may wait for a thread before the next is refused. */
  readonly queueSize: number
  /** How many threads hash; as many as there are cores when absent. */
  readonly threads?: number | undefined
}

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
    /** False as well for an unusable (`!...`) or malformed `stored`, after the work of a real check. */
    readonly verify: (password: Redacted.Redacted<string>, stored: string) => Effect.Effect<boolean, ServiceUnavailable>
    /** Whether `stored` should be replaced when its password is next known: an older scheme, or a lower cost than ours. */
    readonly needsRehash: (stored: string) => boolean
    /**
     * A hash that no password matches, as dear to verify as `like`: check the password of an unknown e-mail against it, and
     * the answer takes the time of a known one's. Costs nothing to make.
     */
    readonly decoy: (like: string) => Effect.Effect<string>
  }
>()("@user-service/security/PasswordHasher") {
  /** Hashes in threads of its own, started with the first jobs. */
  static readonly layer = (settings: PasswordHasherSettings): Layer.Layer<PasswordHasher> =>
    Layer.effect(
      PasswordHasher,
      Effect.gen(function* () {
        const context = yield* Effect.context<never>()
        const pool = yield* HashPool.make({
          size: settings.threads ?? availableParallelism(),
          queueSize: settings.queueSize,
          onDepth: (waiting) => queueDepth.updateUnsafe(waiting, context)
        })
        return make(settings.cost, pool)
      })
    )

  /** The same hashes at bcrypt's lowest cost, made where they are asked for: no threads, no queue. */
  static readonly layerTest: Layer.Layer<PasswordHasher> = Layer.sync(PasswordHasher, () =>
    make(4, {
      takePlace: Effect.void,
      leavePlace: Effect.void,
      run: (job) => Effect.sync(() => PasswordHash.perform(job))
    })
  )
}

/** `BCRYPT_COST` (10 to 15, 12) and `HASH_QUEUE_SIZE` (64). */
export const config: Config.Config<PasswordHasherSettings> = Config.all({
  cost: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 10, maximum: 15 })), "BCRYPT_COST").pipe(
    Config.withDefault(12)
  ),
  queueSize: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 })), "HASH_QUEUE_SIZE").pipe(
    Config.withDefault(64)
  )
})

const unavailable = (retryAfterSeconds: number) =>
  new ServiceUnavailable({ what: "password hashing", retryAfterSeconds })

const refuse = (refusal: HashPool.HashRefusal): Effect.Effect<never, ServiceUnavailable> =>
  refusal._tag === "QueueFull"
    ? Metric.update(refusals, 1).pipe(
        Effect.andThen(Effect.fail(unavailable(Math.max(1, Math.ceil(refusal.waitMillis / 1000)))))
      )
    : Effect.logError("A hashing thread died and is replaced", refusal.cause).pipe(
        Effect.andThen(Effect.fail(unavailable(1)))
      )

const HasPlace = Context.Reference("@user-service/security/PasswordHasher/HasPlace", { defaultValue: () => false })

const make = (cost: number, pool: HashPool.HashPool): PasswordHasher["Service"] => {
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
  const measured = Effect.fnUntraced(function* (job: PasswordHash.HashJob) {
    const { milliseconds, value } = yield* withPlace(Effect.catch(pool.run(job), refuse))
    yield* Metric.update(performed[job.operation], 1)
    yield* Metric.update(duration, milliseconds / 1000)
    return value
  })
  return {
    withPlace,
    hash: Effect.fn("PasswordHasher.hash")(function* (password: Redacted.Redacted<string>) {
      const normal = normalisePassword(Redacted.value(password))
      return String(yield* measured({ operation: "hash", password: normal, cost }))
    }),
    verify: Effect.fn("PasswordHasher.verify")(function* (password: Redacted.Redacted<string>, stored: string) {
      const typed = Redacted.value(password)
      const normal = normalisePassword(typed)
      const spellings = normal === typed ? [normal] : [normal, typed]
      return (yield* measured({ operation: "verify", spellings, stored, cost })) === true
    }),
    needsRehash: (stored) => PasswordHash.needsRehash(stored, cost),
    decoy: (like) => Effect.sync(() => PasswordHash.decoy(like, cost))
  }
}
