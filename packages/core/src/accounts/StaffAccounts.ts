import type { EmailTaken } from "@user-service/domain/Email"
import type { PasswordRejected } from "@user-service/domain/Password"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type UserId, UsernameNotAllowed, usernameProblem, type UsernameTaken } from "@user-service/domain/User"
import { Context, Effect, Layer, Option } from "effect"
import { Changes } from "../changes/Changes.ts"
import { type NewUser, NewUsers } from "./NewUsers.ts"
import { Passwords } from "./Passwords.ts"

/** Creates members of staff for an operator. */
export class StaffAccounts extends Context.Service<
  StaffAccounts,
  {
    /** Creates the user without a session and without a rate limit. Staff may have reserved usernames. */
    readonly create: (
      user: NewUser
    ) => Effect.Effect<UserId, EmailTaken | UsernameTaken | UsernameNotAllowed | PasswordRejected | ServiceUnavailable>
  }
>()("@user-service/core/accounts/StaffAccounts") {
  static readonly layerNoDeps = Layer.effect(
    StaffAccounts,
    Effect.gen(function* () {
      const newUsers = yield* NewUsers
      const passwords = yield* Passwords
      const changes = yield* Changes

      const create = Effect.fn("StaffAccounts.create")(function* (user: NewUser) {
        const problem = Option.getOrUndefined(Option.map(user.username, (name) => usernameProblem(name, user.email)))
        if (problem === "not_own_email") return yield* new UsernameNotAllowed({ problem })
        yield* newUsers.checkPassword(user)
        const passwordHash = yield* passwords.hash(user.password)
        return yield* changes.changeLocking(
          [],
          Effect.gen(function* () {
            const event = yield* newUsers.insert(user, passwordHash, true)
            const { userId } = event
            return { result: userId, events: [event], audit: [{ userId, action: "user.staff_created" }] }
          })
        )
      })

      return { create }
    })
  )

  // Nothing is cached of a new user.
  static readonly layer = this.layerNoDeps.pipe(Layer.provide([NewUsers.layer, Passwords.layer, Changes.layerUncached]))
}
