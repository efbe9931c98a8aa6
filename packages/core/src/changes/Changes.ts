import type { Invalidation } from "@user-service/cache/Cache"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { UserNotFound, type UserId } from "@user-service/domain/User"
import type { DomainEvent } from "@user-service/domain/DomainEvent"
import * as Storage from "@user-service/database/Storage"
import { type Array, Context, Effect, Layer, Option } from "effect"
import type { SqlError } from "effect/sql"
import { type AuditEntry, ChangesRepo, type LockedUser, type StatementChange } from "./ChangesRepo.ts"
import { Invalidations } from "../cached/Invalidations.ts"
import { OutboxSignal } from "./OutboxSignal.ts"

/** What a transaction did: what its caller gets, what others are told, and what is kept on record. */
export interface Change<A> {
  readonly result: A
  readonly events: ReadonlyArray<DomainEvent>
  readonly audit: ReadonlyArray<AuditEntry>
}

/** The users whose rows the transaction holds: waits for the locks. A statement needs not wait, it comes after them anyway. */
export type Locked<E = never> = Effect.Effect<ReadonlyArray<LockedUser>, E | SqlError.SqlError>

/**
 * Every change to a user, as one transaction: their row is locked first, then the change is made, then its events and
 * audit entries are written and the user's version rises. Once it is committed the cached copies go and the relay is
 * woken. Changes to one user thus happen one after the other, and their events in that order.
 */
export class Changes extends Context.Service<
  Changes,
  {
    /**
     * Runs `change` holding the locks of `userIds`, in id order, so that two changes never wait for each other.
     * `UserNotFound` when the first of them does not exist; others that are gone are left out of the locked ones.
     */
    readonly change: <A, E, R>(
      userIds: Array.NonEmptyReadonlyArray<UserId>,
      change: (locked: Locked<UserNotFound>) => Effect.Effect<Change<A>, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | UserNotFound | ServiceUnavailable, R>
    /** Runs a `change` that makes a user; `others` are locked as in `change`. */
    readonly create: <A, E, R>(
      others: ReadonlyArray<UserId>,
      change: (locked: Locked) => Effect.Effect<Change<A>, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /**
     * Makes a change that ends no session in one statement, with the same promises: for what is changed often, as it costs
     * half. None where it did not apply. `stale` are the copies it makes stale besides the user's own.
     */
    readonly inOneStatement: <A>(
      userId: UserId,
      change: StatementChange<A>,
      stale: (changed: A) => ReadonlyArray<Invalidation>
    ) => Effect.Effect<Option.Option<A>, UserNotFound | ServiceUnavailable>
  }
>()("@user-service/core/changes/Changes") {
  static readonly layer = Layer.effect(
    Changes,
    Effect.gen(function* () {
      const repo = yield* ChangesRepo
      const storage = yield* Storage.Storage
      const invalidations = yield* Invalidations
      const outbox = yield* OutboxSignal

      const run = <A, E, R, F>(
        userIds: ReadonlyArray<UserId>,
        check: (locked: ReadonlyArray<LockedUser>) => Effect.Effect<ReadonlyArray<LockedUser>, F>,
        body: (locked: Locked<F>) => Effect.Effect<Change<A>, E, R>
      ): Effect.Effect<A, Exclude<E | F, SqlError.SqlError> | ServiceUnavailable, R> =>
        Effect.suspend(() => {
          let written: { readonly locked: ReadonlyArray<LockedUser>; readonly change: Change<A> } | undefined
          return storage
            .transaction(
              Effect.gen(function* () {
                written = undefined
                const locking = Effect.flatMap(yield* storage.pipeline(repo.lock(userIds)), check)
                const exit = yield* Effect.exit(body(locking))
                // Without the locks it does not matter what the change came to.
                const locked = yield* locking
                const change = yield* exit
                written = { locked, change }
                yield* repo.record(locked, change.events, change.audit)
                return change.result
              })
            )
            .pipe(
              // Also when the commit failed or was cut short, for it may have happened all the same; an invalidation too many
              // costs one read.
              Effect.onExit(() => (written === undefined ? Effect.void : settle(written.locked, written.change.events)))
            )
        })

      const signal = (hasEvents: boolean) => (hasEvents ? outbox.send : Effect.void)

      const settle = (locked: ReadonlyArray<LockedUser>, events: ReadonlyArray<DomainEvent>) =>
        Effect.andThen(invalidations.apply(locked, events), signal(events.length > 0))

      return {
        change: (userIds, change) =>
          run(
            userIds,
            (locked) =>
              locked.some((user) => user.id === userIds[0]) ? Effect.succeed(locked) : Effect.fail(new UserNotFound()),
            change
          ),
        create: (others, change) => run(others, Effect.succeed, change),
        inOneStatement: (userId, change, stale) =>
          storage
            .lockingWrite(repo.inOneStatement(userId, change), ({ changed, hasEvents, user }) =>
              Option.isSome(changed)
                ? Effect.andThen(invalidations.touch([user], stale(changed.value)), signal(hasEvents))
                : Effect.void
            )
            .pipe(Effect.map(({ changed }) => changed))
      }
    })
  )
}
