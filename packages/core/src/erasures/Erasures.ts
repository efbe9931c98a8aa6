// The erasure of a user: one short transaction, and batches after it (decision 0031).
import * as Storage from "@user-service/database/Storage"
import { UserDeleted } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import { Changes } from "../changes/Changes.ts"
import { DeadLettersRepo } from "../dead-letters/DeadLettersRepo.ts"
import { CurrentOrigin } from "../Origin.ts"
import { ErasuresRepo, type ErasureTarget, type UnfinishedErasure } from "./ErasuresRepo.ts"
import { finderOf } from "./LetterSearch.ts"
import { termsOf } from "./SearchTerms.ts"

// The rows that the transaction of an erasure clears itself, and the size of a batch after it.
const batchLimit = 2000
const maxLetterBytes = 4 * 1024 * 1024

// How long a request waits for the batches. They fit for all but the largest histories.
const patience = Duration.seconds(2)

const lockedRowsPause = Duration.millis(20)

/**
 * Erases users. One transaction deletes the user with everything that belongs to them alone, their events, and the personal
 * parts of their newest deliveries and oldest audit entries, and publishes `user.deleted`. What histories have beyond that, and dead
 * letters, are erased in batches afterwards, by whoever is first: the caller, or the worker.
 */
export class Erasures extends Context.Service<
  Erasures,
  {
    /**
     * Erases the user, if `checkedHash` is their password hash or null. Fails with `UserNotFound` otherwise. When it succeeds
     * the account is gone and its e-mail is free. Waits two seconds at most for the batches.
     */
    readonly erase: (target: ErasureTarget) => Effect.Effect<void, UserNotFound | ServiceUnavailable>
    /**
     * Completes at most `limit` erasures that have batches left, the oldest first, and returns their number. Idempotent, also
     * while the process that began one of them completes it.
     */
    readonly resume: (limit: number) => Effect.Effect<number, ServiceUnavailable>
  }
>()("@user-service/core/erasures/Erasures") {
  static readonly layerNoDeps = Layer.effect(
    Erasures,
    Effect.gen(function* () {
      const repo = yield* ErasuresRepo
      const deadLetters = yield* DeadLettersRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes

      const remove = Effect.fnUntraced(function* (target: ErasureTarget) {
        const { userId } = target
        const identity = yield* repo.identity(target)
        if (Option.isNone(identity)) return yield* new UserNotFound()
        const { sessionIds, ...traits } = identity.value
        const searchTerms = termsOf(traits)
        yield* repo.record(userId, searchTerms, yield* DateTime.now)
        yield* repo.removeResetRequests(userId)
        yield* repo.removeUser(userId)
        yield* repo.removeEvents(userId, batchLimit)
        yield* repo.clearAudit(userId, epoch, batchLimit)
        return {
          result: { userId, searchTerms },
          events: [new UserDeleted({ userId, sessionIds })],
          audit: [{ userId, action: "user.erased" }]
        }
      })

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

      const complete = Effect.fn("Erasures.complete")(function* ({ searchTerms, userId }: UnfinishedErasure) {
        yield* untilFewerThan(batchLimit, storage.write(repo.removeEvents(userId, batchLimit)))
        yield* clearDeliveries(userId)
        yield* clearAudit(userId)
        yield* removeDeadLetters(searchTerms)
        yield* storage.write(Effect.flatMap(DateTime.now, (now) => repo.finish(userId, now)))
      })

      const erase = Effect.fn("Erasures.erase")(function* (target: ErasureTarget) {
        const erasure = yield* changes.change(target.userId, remove(target)).pipe(
          // The entry and the event are the user's own, and must not hold their address.
          Effect.provideService(CurrentOrigin, { ip: null, network: "local", userAgent: "" })
        )
        yield* complete(erasure).pipe(
          Effect.timeoutOption(patience),
          Effect.catch((error) =>
            Effect.logDebug("The worker completes an erasure", { error, userId: erasure.userId })
          ),
          // The account is gone, so the caller must not see a failure. The job of the worker meets the defect again.
          Effect.catchDefect((defect) => Effect.logError("Unexpected error while completing an erasure", defect))
        )
      })

      const resume = Effect.fn("Erasures.resume")(function* (limit: number) {
        const unfinished = yield* storage.read(repo.unfinished(limit))
        // One that fails does not hold up the others.
        const exits = yield* Effect.forEach(unfinished, (erasure) => Effect.exit(complete(erasure)))
        for (const exit of exits) yield* exit
        return unfinished.length
      })

      return { erase, resume }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ErasuresRepo.layer, DeadLettersRepo.layer, Changes.layer])
  )
}

const epoch = DateTime.makeUnsafe(0)

const untilFewerThan = <E, R>(limit: number, batch: Effect.Effect<number, E, R>) =>
  Effect.repeat(batch, { while: (count) => count >= limit })
