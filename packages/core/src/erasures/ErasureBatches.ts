// The part of an erasure that takes long, in batches (decision 0031).
import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { DeadLettersRepo } from "../dead-letters/DeadLettersRepo.ts"
import { ErasuresRepo, type UnfinishedErasure } from "./ErasuresRepo.ts"
import { finderOf } from "./LetterSearch.ts"

/** The rows that one batch clears. */
export const batchLimit = 2000
const maxLetterBytes = 4 * 1024 * 1024

const lockedRowsPause = Duration.millis(20)

/**
 * Completes erasures in batches: what histories have beyond the transaction of the erasure, and dead letters. Done by whoever is
 * first: the request that erased the user, or the worker.
 */
export class ErasureBatches extends Context.Service<
  ErasureBatches,
  {
    /** Does all batches of the erasure and finishes it. Idempotent, also if two processes complete it at the same time. */
    readonly complete: (erasure: UnfinishedErasure) => Effect.Effect<void, ServiceUnavailable>
    /** Completes at most `limit` erasures that have batches left, the oldest first, and returns their number. */
    readonly resume: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/erasures/ErasureBatches") {
  static readonly layerNoDeps = Layer.effect(
    ErasureBatches,
    Effect.gen(function* () {
      const repo = yield* ErasuresRepo
      const deadLetters = yield* DeadLettersRepo
      const storage = yield* Storage.Storage

      const clearDeliveries = Effect.fnUntraced(function* (userId: UserId) {
        for (;;) {
          const { cleared, isLeft } = yield* storage.write(repo.clearDeliveries(userId, batchLimit))
          if (!isLeft) return
          // Another transaction has locked the remaining ones.
          if (cleared === 0) yield* Effect.sleep(lockedRowsPause)
        }
      })

      const clearAudit = Effect.fnUntraced(function* (userId: UserId) {
        let since = epoch
        for (;;) {
          const cleared = yield* storage.write(repo.clearAudit(userId, since, batchLimit))
          if (cleared.length < batchLimit) break
          // The next batch does not read the cleared entries again.
          since = cleared.reduce((latest, at) => DateTime.max(latest, at))
        }
        yield* untilFewerThan(batchLimit, storage.write(repo.clearActions(userId, batchLimit)))
      })

      const removeDeadLetters = Effect.fnUntraced(function* (searchTerms: ReadonlyArray<string>) {
        const isOfUser = finderOf(searchTerms)
        let last = Option.none<string>()
        for (;;) {
          const letters = yield* storage.read(deadLetters.after(last, maxLetterBytes))
          const found = yield* Effect.filter(letters, isOfUser)
          if (found.length > 0) yield* storage.write(deadLetters.remove(found.map(({ id }) => id)))
          const latest = letters.at(-1)
          if (latest === undefined) return
          last = Option.some(latest.id)
        }
      })

      const complete = Effect.fn("ErasureBatches.complete")(function* ({ searchTerms, userId }: UnfinishedErasure) {
        yield* untilFewerThan(batchLimit, storage.write(repo.removeEvents(userId, batchLimit)))
        yield* clearDeliveries(userId)
        yield* untilFewerThan(batchLimit, storage.write(repo.removeDecisions(userId, batchLimit)))
        yield* clearAudit(userId)
        yield* removeDeadLetters(searchTerms)
        yield* storage.write(Effect.flatMap(DateTime.now, (now) => repo.finish(userId, now)))
      })

      const resume = Effect.fn("ErasureBatches.resume")(function* (limit: number) {
        const unfinished = yield* storage.read(repo.unfinished(limit))
        // One that fails does not hold up the others.
        const exits = yield* Effect.forEach(unfinished, (erasure) => Effect.exit(complete(erasure)))
        for (const exit of exits) yield* exit
        return unfinished.length
      })

      return { complete, resume }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([ErasuresRepo.layer, DeadLettersRepo.layer]))
}

export const epoch = DateTime.makeUnsafe(0)

const untilFewerThan = <E, R>(limit: number, batch: Effect.Effect<number, E, R>) =>
  Effect.repeat(batch, { while: (count) => count >= limit })
