// Acts of staff under the locks of the accounts that they concern (decision 0045).
import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import {
  type AccountAct,
  type AccountAuthority,
  type ActRefusal,
  actorOf,
  endsAdministrator,
  refusalOf
} from "@user-service/domain/StaffRules"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { Context, Data, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import { CurrentActor } from "../Actor.ts"
import { type Change, Changes } from "../changes/Changes.ts"
import { StaffChangesRepo } from "./StaffChangesRepo.ts"

/** The account became that of an administrator after the locks were taken. The caller starts again. */
class AdministratorsUnlocked extends Data.TaggedError("AdministratorsUnlocked")<{}> {}

/** The locks of an act, and its check under them. */
export interface ActGuard {
  readonly lockedUsers: ReadonlyArray<UserId>
  /** Returns the account as the locks hold it. */
  readonly check: Effect.Effect<
    AccountAuthority,
    ActRefusal | UserNotFound | AdministratorsUnlocked | SqlError.SqlError
  >
}

/**
 * Changes that staff make to the role or the state of an account, under the rules for acts of staff (domain's `StaffRules`). All other
 * changes of staff need no more than `Changes`, which asks the same rules.
 */
export class StaffChanges extends Context.Service<
  StaffChanges,
  {
    /**
     * Makes a change to the user as `Changes` does, if the rules allow it to the current actor (see `CurrentActor`). `body` gets
     * the account as it is under the lock. If the act removes an administrator, all administrators are locked, so that two of them
     * cannot remove each other at once.
     */
    readonly change: <A, E, R>(
      userId: UserId,
      act: AccountAct,
      body: (target: AccountAuthority) => Effect.Effect<Change<A>, E, R>
    ) => Effect.Effect<A, Exclude<E, SqlError.SqlError> | ActRefusal | UserNotFound | ServiceUnavailable, R>
    /** For a change that another service makes in its own transaction. It runs again if the guard finds that it needs more locks. */
    readonly guarding: <A, E, R>(
      userId: UserId,
      act: AccountAct,
      use: (guard: ActGuard) => Effect.Effect<A, E | AdministratorsUnlocked, R>
    ) => Effect.Effect<A, E | ServiceUnavailable, R>
  }
>()("@user-service/core/staff/StaffChanges") {
  static readonly layerNoDeps = Layer.effect(
    StaffChanges,
    Effect.gen(function* () {
      const repo = yield* StaffChangesRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes

      const check = Effect.fnUntraced(function* (
        userId: UserId,
        act: AccountAct,
        lockedAdministrators: ReadonlyArray<UserId>
      ) {
        const actorId = (yield* CurrentActor)?.userId
        const found = yield* repo.authorities([userId, ...(actorId === undefined ? [] : [actorId])])
        const accounts = new Map(found.map((account) => [account.userId, account]))
        const target = accounts.get(userId)
        if (target === undefined) return yield* new UserNotFound()
        const isRemoval = endsAdministrator(act) && target.isActive && target.role === "admin"
        if (isRemoval && !lockedAdministrators.includes(userId)) return yield* new AdministratorsUnlocked()
        // Only those under the lock still are administrators at the commit.
        const others = lockedAdministrators.filter((id) => {
          const account = accounts.get(id)
          return id !== userId && account?.isActive === true && account.role === "admin"
        })
        const actor = actorId === undefined ? null : actorOf(actorId, found)
        const refusal = refusalOf(act, { actor, target, otherAdministrators: others.length })
        return refusal === undefined ? target : yield* refusal
      })

      const guarding = <A, E, R>(
        userId: UserId,
        act: AccountAct,
        use: (guard: ActGuard) => Effect.Effect<A, E | AdministratorsUnlocked, R>
      ): Effect.Effect<A, E | ServiceUnavailable, R> =>
        Effect.gen(function* () {
          const accounts = endsAdministrator(act) ? yield* storage.read(repo.authorities([])) : []
          const administrators = accounts.map((account) => account.userId)
          const locked = administrators.includes(userId) ? administrators : []
          return yield* use({ lockedUsers: [userId, ...locked], check: check(userId, act, locked) })
        }).pipe(
          // Each retry means that another change has made the user an administrator.
          Effect.catch((error): Effect.Effect<A, E | ServiceUnavailable, R> =>
            error instanceof AdministratorsUnlocked ? guarding(userId, act, use) : Effect.fail(error)
          )
        )

      const change = <A, E, R>(
        userId: UserId,
        act: AccountAct,
        body: (target: AccountAuthority) => Effect.Effect<Change<A>, E, R>
      ) =>
        guarding(userId, act, ({ check: checked, lockedUsers }) =>
          changes.changeLocking([...new Set(lockedUsers)], Effect.flatMap(checked, body))
        )

      return { change, guarding }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([StaffChangesRepo.layer, Changes.layer]))

  static readonly layerUncached = this.layerNoDeps.pipe(Layer.provide([StaffChangesRepo.layer, Changes.layerUncached]))
}
