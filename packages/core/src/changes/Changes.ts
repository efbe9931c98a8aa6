import type { RoleTooLow } from "@user-service/domain/Role"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { actorOf, roleRefusalOf, type ServiceAct, serviceRefusalOf } from "@user-service/domain/StaffRules"
import { UserNotFound, type UserId } from "@user-service/domain/User"
import * as Storage from "@user-service/database/Storage"
import { Array, Context, Effect, Layer, Option } from "effect"
import type { SqlError } from "effect/sql"
import { ActRefused, type Actor, CurrentActor } from "../Actor.ts"
import {
  ChangesRepo,
  type LockedUser,
  type StatementChange,
  type StatementOutcome,
  type WrittenRows
} from "./ChangesRepo.ts"
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
 *
 * All changes of the current actor also lock the actor's row. All but `changeLocking` die with `ActRefused` if the rules for acts of
 * staff forbid the change. They ask under both locks, so that the answer holds until the commit (decision 0045).
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
     * and for changes that create a user. It does not ask whether the current actor may make them: `StaffChanges` does, under
     * the locks that this method takes.
     */
    readonly changeLocking: <A, E, R>(
      userIds: ReadonlyArray<UserId>,
      body: Effect.Effect<Change<A>, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ServiceUnavailable, R>
    /** Runs `body` if the current actor has the role that the act requires. For changes that concern no existing user. */
    readonly changeByAct: <A, E, R>(
      act: ServiceAct,
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

      const lockUsers = (userIds: ReadonlyArray<UserId>) => (userIds.length === 0 ? [] : [repo.lock(userIds)])

      // In id order like all locks of users, so that two members of staff can act on each other.
      const lockWithActor = (actorId: UserId, userIds: ReadonlyArray<UserId>) => {
        if (userIds.includes(actorId)) return lockUsers(userIds)
        const before = userIds.filter((userId) => userId < actorId)
        const after = userIds.filter((userId) => userId > actorId)
        return [...lockUsers(before), repo.lockActor(actorId), ...lockUsers(after)]
      }

      // The locks are sent ahead of the statements that follow, which the server executes after them.
      const sendLocks = Effect.fnUntraced(function* (userIds: ReadonlyArray<UserId>) {
        const actor = yield* CurrentActor
        const statements = actor === null ? lockUsers(userIds) : lockWithActor(actor.userId, userIds)
        const pending = yield* Effect.forEach(statements, storage.pipeline)
        return Effect.map(Effect.all(pending), Array.flatten)
      })

      const make = Effect.fnUntraced(function* <A, E, R, F>({ body, check, userIds }: Steps<A, E, R, F>) {
        const pendingLocks = yield* sendLocks(userIds)
        const exit = yield* Effect.exit(body)
        // The check comes first: without the locks, the result of the body is discarded.
        const locked = yield* Effect.flatMap(pendingLocks, check)
        return { locked, change: yield* exit }
      })

      const record = ({ change, locked }: LockedChange<unknown>) => repo.record(locked, change)

      const notify = ({ change: { events, mails = [] }, locked }: LockedChange<unknown>) =>
        Effect.andThen(invalidations.apply(locked, events), signal(events.length + mails.length > 0))

      const signal = (isNeeded: boolean) => (isNeeded ? outbox.send : Effect.void)

      // Runs `write` in a transaction, and then `notify` with its result. Also after a failed or interrupted commit, because the
      // server may have committed. An unnecessary invalidation costs one read.
      const transact = <A, E, R>(write: Effect.Effect<A, E, R>, notify: (written: A) => Effect.Effect<void>) =>
        Effect.suspend(() => {
          let written = Option.none<A>()
          const transaction = Effect.gen(function* () {
            written = Option.none()
            const result = yield* write
            written = Option.some(result)
            return result
          })
          return Effect.onExit(storage.transaction(transaction), () =>
            Option.isNone(written) ? Effect.void : notify(written.value)
          )
        })

      const run = <A, E, R, F>(
        steps: Steps<A, E, R, F>
      ): Effect.Effect<A, Exclude<E | F, SqlError.SqlError> | ServiceUnavailable, R> =>
        Effect.map(transact(Effect.tap(make(steps), record), notify), ({ change }) => change.result)

      // A user who does not exist is left to the caller.
      const requirePermission = Effect.fnUntraced(function* (actor: Actor, userId: UserId) {
        const found = yield* repo.authorities([userId, actor.userId])
        const target = found.find((account) => account.userId === userId)
        if (target === undefined) return
        yield* dieOf(roleRefusalOf({ kind: "change" }, actorOf(actor.userId, found), target))
      })

      const requireRole = Effect.fnUntraced(function* (actor: Actor, act: ServiceAct) {
        const found = yield* repo.authorities([actor.userId])
        yield* dieOf(serviceRefusalOf(act, actorOf(actor.userId, found)))
      })

      const change = <A, E, R>(userId: UserId, body: Effect.Effect<Change<A>, E, R>) =>
        Effect.flatMap(CurrentActor, (actor) =>
          run({
            userIds: [userId],
            body: actor === null ? body : Effect.andThen(requirePermission(actor, userId), body),
            check: requireLocked
          })
        )

      const changeByAct = <A, E, R>(act: ServiceAct, body: Effect.Effect<Change<A>, E, R>) =>
        Effect.flatMap(CurrentActor, (actor) =>
          run({
            userIds: [],
            body: actor === null ? body : Effect.andThen(requireRole(actor, act), body),
            check: Effect.succeed
          })
        )

      const notifyOfStatement =
        <A>(change: StatementChange<A>) =>
        ({ changed, hasEvents, user }: StatementOutcome<A>) =>
          Option.isSome(changed)
            ? Effect.andThen(invalidations.touch([user], change.stale(changed.value)), signal(hasEvents))
            : Effect.void

      // The statement locks the user, but cannot ask the rules under the lock. So an act takes a transaction.
      const actByStatement = <A>(actor: Actor, userId: UserId, change: StatementChange<A>) =>
        transact(
          Effect.gen(function* () {
            yield* Effect.flatMap(Effect.flatten(sendLocks([userId])), requireLocked)
            yield* requirePermission(actor, userId)
            return yield* repo.changeByStatement(userId, change)
          }),
          notifyOfStatement(change)
        )

      const changeByStatement = <A>(userId: UserId, change: StatementChange<A>) =>
        Effect.flatMap(CurrentActor, (actor) =>
          actor === null
            ? storage.lockingWrite(repo.changeByStatement(userId, change), notifyOfStatement(change))
            : actByStatement(actor, userId, change)
        ).pipe(Effect.map(({ changed }) => changed))

      return {
        change,
        changeLocking: (userIds, body) => run({ userIds, body, check: Effect.succeed }),
        changeByAct,
        changeByStatement
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

const dieOf = (refusal: RoleTooLow | undefined) =>
  refusal === undefined ? Effect.void : Effect.die(new ActRefused({ refusal }))

const requireLocked = (locked: ReadonlyArray<LockedUser>) =>
  locked.length === 0 ? Effect.fail(new UserNotFound()) : Effect.succeed(locked)
