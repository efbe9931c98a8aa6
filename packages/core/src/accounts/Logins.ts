import * as Storage from "@user-service/database/Storage"
import { UserLoggedIn } from "@user-service/domain/DomainEvent"
import { canonicalEmail, type Email, type EmailSpelling, normaliseEmail } from "@user-service/domain/Email"
import { InvalidCredentials } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { User, UserId } from "@user-service/domain/User"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, DateTime, Duration, Effect, Layer, Option, type Redacted } from "effect"
import { Changes } from "../changes/Changes.ts"
import { type Bucket, Limits } from "../limits/Limits.ts"
import { CurrentOrigin } from "../Origin.ts"
import { ProfilesRepo } from "../profiles/ProfilesRepo.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { SessionTokens, type Tokens } from "../sessions/SessionTokens.ts"
import { AccountsRepo, type Credentials, type EmailLookup } from "./AccountsRepo.ts"
import { CredentialsChanged, PasswordRefused, Passwords } from "./Passwords.ts"

export interface Login {
  readonly email: EmailSpelling | Email
  readonly password: Redacted.Redacted<string>
  readonly deviceName: string
}

/** A user and the tokens of the session that was just opened for them. */
export interface LoggedIn {
  readonly user: User
  readonly tokens: Tokens
}

/** Opening a session by e-mail and password. */
export class Logins extends Context.Service<
  Logins,
  {
    /**
     * One answer, in one time, for an unknown e-mail, a wrong password and a disabled account. Attempts are counted before
     * the password is checked; a success clears the account's count.
     */
    readonly login: (login: Login) => Effect.Effect<LoggedIn, InvalidCredentials | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/accounts/Logins") {
  static readonly layerNoDeps = Layer.effect(
    Logins,
    Effect.gen(function* () {
      const repo = yield* AccountsRepo
      const profiles = yield* ProfilesRepo
      const storage = yield* Storage.Storage
      const passwords = yield* Passwords
      const changes = yield* Changes
      const sessionChanges = yield* SessionChanges
      const sessionTokens = yield* SessionTokens
      const limits = yield* Limits
      const refusals = yield* CredentialRefusals

      const lookUp = (email: EmailLookup) =>
        storage.read(Effect.flatMap(DateTime.now, (now) => repo.credentials(email, now)))

      // A stranger who guesses at an account fills its common bucket. A network that the owner has logged in from has a
      // bucket of its own, so the owner is not locked out there. Of IPv6 it is the /64: clients change their address in it.
      // An account that is found by its exact spelling alone has buckets of its own too: the other account of that mailbox
      // must not clear them by logging in, nor this one those of the other.
      const accountBucket = Effect.fnUntraced(function* (email: EmailLookup, found: Option.Option<Credentials>) {
        const { network } = yield* CurrentOrigin
        const isExact = Option.exists(found, (credentials) => !credentials.hasCanonicalEmail)
        const key = isExact ? `exactly ${email.spelling}` : email.canonical
        const known = Option.exists(found, (credentials) => credentials.isKnownAddress)
        return { limit: "loginAccount", key: known ? `${key} ${network}` : key } satisfies Bucket
      })

      // Opens the session only if the password that was checked still is the account's.
      const open = (userId: UserId, checkedHash: string, deviceName: string, renewed: Option.Option<string>) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            const stands = yield* repo.recordLogin(userId, checkedHash, yield* DateTime.now)
            if (!stands) return yield* new CredentialsChanged()
            if (Option.isSome(renewed)) yield* repo.replacePassword(userId, checkedHash, renewed.value)
            const { audit, events, session } = yield* sessionChanges.open(userId, deviceName)
            const user = yield* profiles.find(userId)
            if (Option.isNone(user)) return yield* new CredentialsChanged()
            return {
              result: { session, user: user.value },
              events: [new UserLoggedIn({ userId }), ...events],
              audit: [{ userId, action: "user.logged_in", details: { sessionId: session.id } }, ...audit]
            }
          })
        )

      const refuse = Effect.fnUntraced(function* (
        reason: string,
        { remaining, userId }: { readonly remaining: Duration.Duration; readonly userId?: UserId }
      ) {
        const { ip } = yield* CurrentOrigin
        yield* refusals.record({ event: "login_refused", reason, ip, userId })
        return yield* new PasswordRefused({ remaining })
      })

      const check = Effect.fnUntraced(function* (login: Login, found: Option.Option<Credentials>) {
        const stored = Option.map(found, (credentials) => credentials.passwordHash)
        const { matches, remaining } = yield* passwords.verify(login.password, stored)
        // Whether the account is disabled is judged only now, so that it takes the same time to say.
        if (Option.isNone(found)) return yield* refuse("unknown_email", { remaining })
        const { isActive, passwordHash, userId } = found.value
        if (!matches) return yield* refuse("wrong_password", { remaining, userId })
        if (!isActive) return yield* refuse("account_disabled", { remaining, userId })
        const renewed = yield* passwords.renew(login.password, passwordHash)
        const { session, user } = yield* open(userId, passwordHash, login.deviceName, renewed)
        return { user, tokens: yield* sessionTokens.issue(session) }
      })

      const attempt = Effect.fnUntraced(function* (given: Login) {
        const { network } = yield* CurrentOrigin
        const email = { spelling: given.email, canonical: canonicalEmail(normaliseEmail(given.email)) }
        const found = yield* lookUp(email)
        const account = yield* accountBucket(email, found)
        const loggedIn = yield* check(given, found).pipe(
          Effect.catchTag(["CredentialsChanged", "UserNotFound"], () =>
            // Once more with what the account is now; whoever changes it over and over again logs in by the new password.
            Effect.flatMap(lookUp(email), (now) => check(given, now)).pipe(
              Effect.retry({ while: (error) => error._tag === "CredentialsChanged", times: 3 }),
              Effect.catchTag(["CredentialsChanged", "UserNotFound"], () =>
                refuse("account_changed", { remaining: Duration.zero })
              )
            )
          ),
          limits.guard([{ limit: "loginIp", key: network }, account])
        )
        yield* limits.clear(account)
        return loggedIn
      })

      // With a place before anything is asked of an engine: a storm of logins is not to slow the reads. A refusal waits
      // without it.
      const login = Effect.fn("Logins.login")((given: Login) =>
        passwords
          .withPlace(attempt(given))
          .pipe(
            Effect.catchTag("PasswordRefused", ({ remaining }) =>
              Effect.andThen(Effect.sleep(remaining), Effect.fail(new InvalidCredentials()))
            )
          )
      )

      // So that the first login does not wait for it; a failure is the login's own to find.
      yield* Effect.forkScoped(Effect.ignore(passwords.prepare, { log: "Debug" }))
      return { login }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      AccountsRepo.layer,
      ProfilesRepo.layer,
      Passwords.layer,
      Changes.layer,
      SessionChanges.layer,
      SessionTokens.layer,
      Limits.layer
    ])
  )
}
