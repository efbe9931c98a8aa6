import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { UserNotFound, type UserId } from "@user-service/domain/User"
import * as Storage from "@user-service/database/Storage"
import { Context, Effect, Layer, Option } from "effect"
import type { SqlError } from "effect/sql"
import { ChangesRepo, type LockedUser, type StatementChange, type WrittenRows } from "./ChangesRepo.ts"
import { Invalidations } from "../cached/Invalidations.ts"
import { OutboxSignal } from "./OutboxSignal.ts"

/** The outcome of a change: the result of its caller, and the rows to write for others. */
export interface Change<A> extends WrittenRows {
  readonly result: A
}

/** A change that a transaction of {@link Changes} has made, and the users that it locked. */
interface LockedChange<A> {
  readonly locked: ReadonlyArray<LockedUser>
  readonly change: Change<A>
}

/**
 * Makes every change to a user in one transaction. It locks the user's row, makes the change, writes the events, mails and
 * audit entries, and increments the user's version. After the commit it invalidates the cached copies and wakes the relay. The
 * lock serialises the changes to one user, and their events have the same order.
 */
export class Changes extends Context.Service<
  Changes,
  {
    /** Runs `body` with the lock of the user. Fails with `UserNotFound` if the user does not exist, whatever `body` returns. */
    readonly change: <A, E, R>(
      userId: UserId,
      body: Effect.Effect<Change<A>, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | UserNotFound | ServiceUnavailable, R>
    /**
     * Runs `body` with the locks of the users that exist, taken in id order to avoid deadlocks. For changes to several users
     * and for changes that create a user.
     */
    readonly changeLocking: <A, E, R>(
      userIds: ReadonlyArray<UserId>,
      body: Effect.Effect<Change<A>, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /**
     * Makes a change in one statement, with the guarantees of `change` at half the cost (decision 0015). The change must not
     * end a session. None if the change did not apply.
     */
    readonly changeByStatement: <A>(
      userId: UserId,
      change: StatementChange<A>
    ) => Effect.Effect<Option.Option<A>, UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/changes/Changes") {
  static readonly layerNoDeps = Layer.effect(
    Changes,
    Effect.gen(function* () {
      const repo = yield* ChangesRepo
      const storage = yield* Storage.Storage
      const invalidations = yield* Invalidations
      const outbox = yield* OutboxSignal

      // The lock is sent ahead of the first statement of `body`. The server executes that statement after the lock.
      const make = Effect.fnUntraced(function* <A, E, R, F>({ body, check, userIds }: Steps<A, E, R, F>) {
        const pendingLock = userIds.length === 0 ? lockNobody : yield* storage.pipeline(repo.lock(userIds))
        const exit = yield* Effect.exit(body)
        // The check comes first: without the locks, the result of the body is discarded.
        const locked = yield* Effect.flatMap(pendingLock, check)
        return { locked, change: yield* exit }
      })

      const record = ({ change, locked }: LockedChange<unknown>) => repo.record(locked, change)

      const notify = ({ change: { events, mails = [] }, locked }: LockedChange<unknown>) =>
        Effect.andThen(invalidations.apply(locked, events), signal(events.length + mails.length > 0))

      const signal = (isNeeded: boolean) => (isNeeded ? outbox.send : Effect.void)

      const run = <A, E, R, F>(
        steps: Steps<A, E, R, F>
      ): Effect.Effect<A, Exclude<E | F, SqlError.SqlError> | ServiceUnavailable, R> =>
        Effect.suspend(() => {
          let written: LockedChange<A> | undefined
          const transaction = Effect.gen(function* () {
            written = undefined
            const made = yield* make(steps)
            written = made
            yield* record(made)
            return made.change.result
          })
          // Also after a failed or interrupted commit, because the server may have committed. An unnecessary invalidation
          // costs one read.
          return Effect.onExit(storage.transaction(transaction), () =>
            written === undefined ? Effect.void : notify(written)
          )
        })

      return {
        change: (userId, body) => run({ userIds: [userId], body, check: requireLocked }),
        changeLocking: (userIds, body) => run({ userIds, body, check: Effect.succeed }),
        changeByStatement: (userId, change) =>
          storage
            .lockingWrite(repo.changeByStatement(userId, change), ({ changed, hasEvents, user }) =>
              Option.isSome(changed)
                ? Effect.andThen(invalidations.touch([user], change.stale(changed.value)), signal(hasEvents))
                : Effect.void
            )
            .pipe(Effect.map(({ changed }) => changed))
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ChangesRepo.layer, Invalidations.layer, OutboxSignal.layer])
  )

  /** For users that are not cached. It needs no cache. */
  static readonly layerUncached = this.layerNoDeps.pipe(
    Layer.provide([ChangesRepo.layer, Invalidations.layerNone, OutboxSignal.layer])
  )
}

interface Steps<A, E, R, F> {
  readonly userIds: ReadonlyArray<UserId>
  readonly body: Effect.Effect<Change<A>, E, R>
  readonly check: (locked: ReadonlyArray<LockedUser>) => Effect.Effect<ReadonlyArray<LockedUser>, F>
}

const lockNobody: Effect.Effect<ReadonlyArray<LockedUser>> = Effect.succeed([])

const requireLocked = (locked: ReadonlyArray<LockedUser>) =>
  locked.length === 0 ? Effect.fail(new UserNotFound()) : Effect.succeed(locked)
