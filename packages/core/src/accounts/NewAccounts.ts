import * as Storage from "@user-service/database/Storage"
import { UserRegistered } from "@user-service/domain/DomainEvent"
import { PasswordRejected } from "@user-service/domain/Password"
import type { DeviceToken } from "@user-service/domain/PushToken"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import {
  type Email,
  EmailTaken,
  type PhoneNumber,
  UserId,
  type Username,
  usernameFromEmail,
  UsernameTaken
} from "@user-service/domain/User"
import { Array, Context, DateTime, Effect, Layer, Option, type Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { CurrentOrigin } from "../Origin.ts"
import { ProfilesRepo } from "../profiles/ProfilesRepo.ts"
import { Registrations, untilLocked } from "../push-tokens/Registrations.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { SessionTokens } from "../sessions/SessionTokens.ts"
import { AccountsRepo } from "./AccountsRepo.ts"
import type { LoggedIn } from "./Logins.ts"
import { PasswordPolicy } from "./PasswordPolicy.ts"
import { Passwords } from "./Passwords.ts"

/** What a person gives to become a user. */
export interface NewAccount {
  readonly email: Email
  readonly password: Redacted.Redacted<string>
  readonly firstName: string
  readonly lastName: string
  /** Made from the e-mail when absent, with a number behind it on a clash. */
  readonly username: Option.Option<Username>
  readonly phoneNumber: PhoneNumber | null
  readonly pushToken: Option.Option<DeviceToken>
  readonly emailEnabled: boolean
  readonly pushEnabled: boolean
}

/** Becoming a user. */
export class NewAccounts extends Context.Service<
  NewAccounts,
  {
    /** One transaction: user, profile, preferences, push token, first session and events, or nothing. */
    readonly register: (
      account: NewAccount
    ) => Effect.Effect<LoggedIn, EmailTaken | UsernameTaken | PasswordRejected | RateLimited | ServiceUnavailable>
    /** A member of staff, made by an operator: no session, no limit. */
    readonly createStaff: (
      account: NewAccount
    ) => Effect.Effect<UserId, EmailTaken | UsernameTaken | PasswordRejected | ServiceUnavailable>
  }
>()("@user-service/core/accounts/NewAccounts") {
  static readonly layer = Layer.effect(
    NewAccounts,
    Effect.gen(function* () {
      const repo = yield* AccountsRepo
      const profiles = yield* ProfilesRepo
      const policy = yield* PasswordPolicy
      const passwords = yield* Passwords
      const changes = yield* Changes
      const registrations = yield* Registrations
      const sessionChanges = yield* SessionChanges
      const sessionTokens = yield* SessionTokens
      const limits = yield* Limits
      const random = yield* SecureRandom.SecureRandom

      const judgePassword = Effect.fnUntraced(function* (account: NewAccount) {
        const attributes = [account.email, account.firstName, account.lastName, ...Option.toArray(account.username)]
        const problems = policy.problems(account.password, attributes)
        if (Array.isReadonlyArrayNonEmpty(problems)) return yield* new PasswordRejected({ field: "password", problems })
      })

      // Inside the transaction: the rows every user has.
      const insert = Effect.fnUntraced(
        function* (account: NewAccount, passwordHash: string, isStaff: boolean) {
          const id = UserId.make(yield* random.uuidV7())
          const now = yield* DateTime.now
          const user = {
            id,
            profileId: yield* random.uuidV7(),
            preferencesId: yield* random.uuidV7(),
            email: account.email,
            passwordHash,
            phoneNumber: account.phoneNumber,
            firstName: account.firstName,
            lastName: account.lastName,
            emailEnabled: account.emailEnabled,
            pushEnabled: account.pushEnabled,
            isStaff
          }
          if (Option.isSome(account.username)) {
            const inserted = yield* repo.insert({ ...user, username: account.username.value }, now)
            return inserted ? { id, username: account.username.value } : yield* new UsernameTaken()
          }
          let username = usernameFromEmail(account.email)
          // Someone else may take the free one first; then the next is found.
          while (!(yield* repo.insert({ ...user, username }, now))) {
            username = usernameFromEmail(account.email, yield* repo.freeSuffix(usernameFromEmail(account.email)))
          }
          return { id, username }
        },
        Storage.onUniqueViolation("users_email_key", () => new EmailTaken())
      )

      const create = Effect.fnUntraced(function* (account: NewAccount, passwordHash: string) {
        const { id, username } = yield* insert(account, passwordHash, false)
        // Or whoever guesses at the new account could lock its owner out until they have logged in once.
        yield* repo.knowAddress(id, yield* DateTime.now)
        const session = yield* sessionChanges.open(id, "")
        return { id, session, event: new UserRegistered({ userId: id, email: account.email, username }) }
      })

      const open = (account: NewAccount, passwordHash: string) =>
        untilLocked((holder) =>
          changes.create(
            Option.toArray(holder),
            Effect.fnUntraced(function* (locked) {
              const { event, id, session } = yield* create(account, passwordHash)
              const registered = Option.isNone(account.pushToken)
                ? []
                : (yield* registrations
                    .register(
                      { userId: id, sessionId: session.id },
                      { token: account.pushToken.value, platform: "web" },
                      [id, ...locked.map((user) => user.id)]
                    )
                    .pipe(Effect.catchTag("TokenInvalid", () => Effect.die("A session just opened has ended")))).events
              const user = yield* profiles.find(id)
              return {
                result: { session, user: Option.getOrThrow(user) },
                events: [event, ...registered],
                audit: [{ userId: id, action: "user.registered", details: { sessionId: session.id } }]
              }
            })
          )
        )

      const register = Effect.fn("NewAccounts.register")(function* (account: NewAccount) {
        yield* judgePassword(account)
        const { network } = yield* CurrentOrigin
        const { session, user } = yield* Effect.flatMap(passwords.hash(account.password), (passwordHash) =>
          open(account, passwordHash)
        ).pipe(limits.guard([{ limit: "register", key: network }]))
        return { user, tokens: yield* sessionTokens.issue(session) }
      })

      const createStaff = Effect.fn("NewAccounts.createStaff")(function* (account: NewAccount) {
        yield* judgePassword(account)
        const passwordHash = yield* passwords.hash(account.password)
        return yield* changes.create(
          [],
          Effect.fnUntraced(function* () {
            const { id, username } = yield* insert(account, passwordHash, true)
            return {
              result: id,
              events: [new UserRegistered({ userId: id, email: account.email, username })],
              audit: [{ userId: id, action: "user.staff_created" }]
            }
          })
        )
      })

      return { register, createStaff }
    })
  )
}
