// Repeats erasures in a database that was restored from a backup (decision 0037).
import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { Erasures } from "./Erasures.ts"
import { ErasuresRepo, type PastErasure } from "./ErasuresRepo.ts"

/** What is true of the users of past erasures in this database. */
export interface ClassifiedErasures {
  /** Users who are here. */
  readonly present: ReadonlyArray<PastErasure>
  /** Users who were erased here too. */
  readonly erased: ReadonlyArray<PastErasure>
  /** Users of whom this database knows nothing: it is older than their registration. */
  readonly unknown: ReadonlyArray<PastErasure>
}

// Transactions at once. Each takes some 10 ms.
const concurrency = 4

/** Erases users again who were erased after the backup from which this database was restored. Idempotent. */
export class ErasureReplays extends Context.Service<
  ErasureReplays,
  {
    readonly classify: (erasures: ReadonlyArray<PastErasure>) => Effect.Effect<ClassifiedErasures, ServiceUnavailable>
    /**
     * Erases those who are here, with the event and the audit entry of a first erasure. Records the unknown ones as erased, so that
     * no import brings them back and no message about them is kept.
     */
    readonly replay: (erasures: ClassifiedErasures) => Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/core/erasures/ErasureReplays") {
  static readonly layerNoDeps = Layer.effect(
    ErasureReplays,
    Effect.gen(function* () {
      const repo = yield* ErasuresRepo
      const storage = yield* Storage.Storage
      const { erase } = yield* Erasures

      const classify = Effect.fn("ErasureReplays.classify")(function* (erasures: ReadonlyArray<PastErasure>) {
        const states = yield* storage.read(repo.states(erasures.map(({ userId }) => userId)))
        const stateOf = new Map(states.map(({ state, userId }) => [userId, state]))
        const those = (state: (typeof states)[number]["state"]) =>
          erasures.filter(({ userId }) => stateOf.get(userId) === state)
        return { present: those("present"), erased: those("erased"), unknown: those("unknown") }
      })

      const eraseAgain = ({ userId }: PastErasure) =>
        // Another replay, or the user, was faster.
        Effect.catchTag(erase({ userId, checkedHash: null }), "UserNotFound", () => Effect.void)

      const replay = Effect.fn("ErasureReplays.replay")(function* ({ present, unknown }: ClassifiedErasures) {
        if (unknown.length > 0) yield* storage.write(repo.recordFinished(unknown, yield* DateTime.now))
        yield* Effect.forEach(present, eraseAgain, { concurrency, discard: true })
      })

      return { classify, replay }
    })
  )

  /** Without a cache, see `Erasures`. */
  static readonly layerUncached = this.layerNoDeps.pipe(Layer.provide([ErasuresRepo.layer, Erasures.layerUncached]))
}
