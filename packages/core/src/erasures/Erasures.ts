// The erasure of a user: one short transaction, and batches after it (decision 0031).
import { UserDeleted } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { Context, DateTime, Duration, Effect, Layer, Option } from "effect"
import type { SqlError } from "effect/sql"
import { Changes } from "../changes/Changes.ts"
import { FailedLogins } from "../limits/FailedLogins.ts"
import { CurrentOrigin } from "../Origin.ts"
import { batchLimit, epoch, ErasureBatches } from "./ErasureBatches.ts"
import { ErasuresRepo, type ErasureTarget } from "./ErasuresRepo.ts"
import { termsOf } from "./SearchTerms.ts"

// How long a request waits for the batches. They fit for all but the largest histories.
const patience = Duration.seconds(2)

/** A check of an erasure in its transaction, and the users whose rows it needs locked. */
export interface ErasureGuard<E> {
  readonly lockedUsers: ReadonlyArray<UserId>
  readonly check: Effect.Effect<void, E | SqlError.SqlError>
}

/**
 * Erases users. One transaction deletes the user with everything that belongs to them alone, their events, and the personal
 * parts of their newest deliveries and oldest audit entries, and publishes `user.deleted`. `ErasureBatches` erases the rest
 * afterwards.
 */
export class Erasures extends Context.Service<
  Erasures,
  {
    /**
     * Erases the user, if `checkedHash` is their password hash or null. Fails with `UserNotFound` otherwise. When it succeeds
     * the account is gone and its e-mail is free. Waits two seconds at most for the batches. The guard may refuse the erasure.
     */
    readonly erase: <E = never>(
      target: ErasureTarget,
      guard?: ErasureGuard<E>
    ) => Effect.Effect<void, Exclude<E, SqlError.SqlError> | UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/erasures/Erasures") {
  static readonly layerNoDeps = Layer.effect(
    Erasures,
    Effect.gen(function* () {
      const repo = yield* ErasuresRepo
      const batches = yield* ErasureBatches
      const changes = yield* Changes
      const failedLogins = yield* FailedLogins

      const remove = Effect.fnUntraced(function* (target: ErasureTarget) {
        const { userId } = target
        const identity = yield* repo.identity(target)
        if (Option.isNone(identity)) return yield* new UserNotFound()
        const { sessionIds, ...traits } = identity.value
        const searchTerms = termsOf(traits)
        yield* repo.record(userId, searchTerms, yield* DateTime.now)
        yield* repo.removeResetRequests(userId)
        // While the user has the address: the count is stored by its hash.
        yield* failedLogins.clearOf(userId)
        yield* repo.removeUser(userId)
        yield* repo.removeEvents(userId, batchLimit)
        yield* repo.clearAudit(userId, epoch, batchLimit)
        return {
          result: { userId, searchTerms },
          events: [new UserDeleted({ userId, sessionIds })],
          audit: [{ userId, action: "user.erased" }]
        }
      })

      const erase = Effect.fn("Erasures.erase")(function* <E = never>(
        target: ErasureTarget,
        guard: ErasureGuard<E> = { lockedUsers: [], check: Effect.void }
      ) {
        const lockedUsers = [...new Set([target.userId, ...guard.lockedUsers])]
        const erasure = yield* changes.changeLocking(lockedUsers, Effect.andThen(guard.check, remove(target))).pipe(
          // The entry and the event are the user's own, and must not hold their address.
          Effect.provideService(CurrentOrigin, { ip: null, network: "local", userAgent: "" })
        )
        yield* batches.complete(erasure).pipe(
          Effect.timeoutOption(patience),
          Effect.catch((error) =>
            Effect.logDebug("The worker completes an erasure", { error, userId: erasure.userId })
          ),
          // The account is gone, so the caller must not see a failure. The job of the worker meets the defect again.
          Effect.catchDefect((defect) => Effect.logError("Unexpected error while completing an erasure", defect))
        )
      })

      return { erase }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ErasureBatches.layer, ErasuresRepo.layer, Changes.layer, FailedLogins.layer])
  )

  /** Without a cache: its copies of the user are invalidated when a worker publishes `user.deleted`. */
  static readonly layerUncached = this.layerNoDeps.pipe(
    Layer.provide([ErasureBatches.layer, ErasuresRepo.layer, Changes.layerUncached, FailedLogins.layer])
  )
}
