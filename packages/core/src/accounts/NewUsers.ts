import * as Storage from "@user-service/database/Storage"
import { UserRegistered } from "@user-service/domain/DomainEvent"
import { type Email, EmailTaken } from "@user-service/domain/Email"
import { PasswordRejected } from "@user-service/domain/Password"
import { isReservedUsername } from "@user-service/domain/ReservedUsernames"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { type PhoneNumber, UserId, type Username, usernameFromEmail, UsernameTaken } from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer, Option, type Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import { AccountsRepo, emailConstraints } from "./AccountsRepo.ts"
import { PasswordPolicy } from "./PasswordPolicy.ts"

/** The properties of a new user, whether they register or an operator creates them. */
export interface NewUser {
  readonly email: Email
  readonly password: Redacted.Redacted<string>
  readonly firstName: string
  readonly lastName: string
  /** If absent, derived from the e-mail, with a number appended if that name is taken. */
  readonly username: Option.Option<Username>
  readonly phoneNumber: PhoneNumber | null
  readonly emailEnabled: boolean
  readonly pushEnabled: boolean
}

/** Inserts users: the part that registrations and the accounts of staff share. */
export class NewUsers extends Context.Service<
  NewUsers,
  {
    readonly checkPassword: (user: NewUser) => Effect.Effect<void, PasswordRejected | ServiceUnavailable>
    /** Inserts user, profile and preferences in the caller's transaction and returns the event to publish. */
    readonly insert: (
      user: NewUser,
      passwordHash: string,
      isStaff: boolean
    ) => Effect.Effect<UserRegistered, EmailTaken | UsernameTaken | SqlError.SqlError>
  }
>()("@user-service/core/accounts/NewUsers") {
  static readonly layerNoDeps = Layer.effect(
    NewUsers,
    Effect.gen(function* () {
      const repo = yield* AccountsRepo
      const policy = yield* PasswordPolicy
      const random = yield* SecureRandom.SecureRandom

      const checkPassword = Effect.fnUntraced(function* ({ email, firstName, lastName, password, username }: NewUser) {
        const problems = yield* policy.problems(password, [email, firstName, lastName, ...Option.toArray(username)])
        if (Array.isReadonlyArrayNonEmpty(problems)) return yield* new PasswordRejected({ field: "password", problems })
      })

      const insert = Effect.fnUntraced(
        function* (newUser: NewUser, passwordHash: string, isStaff: boolean) {
          const { email, username: requested } = newUser
          const id = UserId.make(yield* random.uuidV7())
          const now = yield* DateTime.now
          const user = {
            id,
            profileId: yield* random.uuidV7(),
            preferencesId: yield* random.uuidV7(),
            email,
            passwordHash,
            phoneNumber: newUser.phoneNumber,
            firstName: newUser.firstName,
            lastName: newUser.lastName,
            emailEnabled: newUser.emailEnabled,
            pushEnabled: newUser.pushEnabled,
            isStaff
          }
          if (Option.isSome(requested)) {
            const username = requested.value
            if (!(yield* repo.insert({ ...user, username }, now))) return yield* new UsernameTaken()
            return new UserRegistered({ userId: id, email, username })
          }
          const isAllowed = (username: Username) => isStaff || !isReservedUsername(username)
          let username = usernameFromEmail(email)
          // Another registration may take the free name first; then the loop looks for the next.
          while (!isAllowed(username) || !(yield* repo.insert({ ...user, username }, now))) {
            username = usernameFromEmail(email, yield* repo.freeSuffix(usernameFromEmail(email)))
          }
          return new UserRegistered({ userId: id, email, username })
        },
        Storage.onUniqueViolation(emailConstraints, () => new EmailTaken())
      )

      return { checkPassword, insert }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([AccountsRepo.layer, PasswordPolicy.layer]))
}
