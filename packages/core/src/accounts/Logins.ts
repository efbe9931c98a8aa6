import * as Storage from "@user-service/database/Storage"
import { UserLoggedIn } from "@user-service/domain/DomainEvent"
import { canonicalEmail, type Email, type EmailSpelling, normaliseEmail } from "@user-service/domain/Email"
import { InvalidCredentials } from "@user-service/domain/Password"
import { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { Role } from "@user-service/domain/Role"
import type { User, UserId } from "@user-service/domain/User"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, DateTime, Duration, Effect, Layer, Option, type Redacted } from "effect"
import { ActivityCounts } from "../activity/ActivityCounts.ts"
import { Changes } from "../changes/Changes.ts"
import { type Bucket, Limits } from "../limits/Limits.ts"
import { SecurityNotices } from "../mails/SecurityNotices.ts"
import { CurrentOrigin } from "../Origin.ts"
import { ProfilesRepo } from "../profiles/ProfilesRepo.ts"
import { SessionChanges, type SessionKind } from "../sessions/SessionChanges.ts"
import type { TokenState } from "../sessions/SessionsRepo.ts"
import { SessionTokens, type Tokens } from "../sessions/SessionTokens.ts"
import { AccountsRepo, type Credentials, type EmailLookup } from "./AccountsRepo.ts"
import { accountKey, FailedLogins, type LoginTarget } from "../limits/FailedLogins.ts"
import { KnownNetworks } from "./KnownNetworks.ts"
import { CredentialsChanged, PasswordRefused, Passwords } from "./Passwords.ts"

export interface Login {
  readonly email: EmailSpelling | Email
  readonly password: Redacted.Redacted<string>
  readonly deviceName: string
}

/** A user and the tokens of their new session. */
export interface LoginResult {
  readonly user: User
  readonly tokens: Tokens
}

/** A member of staff and their new session of the console. */
export interface StaffLogin {
  readonly user: User
  readonly role: Role
  readonly session: TokenState
}

/** A login, and the kind of session that it opens. */
interface Attempt extends Login {
  readonly kind: SessionKind
}

interface Opening {
  readonly userId: UserId
  readonly checkedHash: string
  readonly deviceName: string
  readonly kind: SessionKind
  readonly newHash: Option.Option<string>
  readonly target: LoginTarget
}

/** Opens sessions by e-mail and password. */
export class Logins extends Context.Service<
  Logins,
  {
    /**
     * An unknown e-mail, a wrong password and a disabled account fail with the same error after the same time. Attempts are
     * counted before the password is checked. A successful login clears the account's count. A login from a new device sends
     * the user a notice.
     */
    readonly login: (login: Login) => Effect.Effect<LoginResult, InvalidCredentials | RateLimited | ServiceUnavailable>
    /** Opens a session of the console, with the promises of `login`. A user without a role is refused like a wrong password. */
    readonly loginStaff: (
      login: Login
    ) => Effect.Effect<StaffLogin, InvalidCredentials | RateLimited | ServiceUnavailable>
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
      const failedLogins = yield* FailedLogins
      const knownNetworks = yield* KnownNetworks
      const notices = yield* SecurityNotices
      const refusals = yield* CredentialRefusals
      const activity = yield* ActivityCounts

      const lookUp = Effect.fnUntraced(function* (email: EmailLookup) {
        const request = { addressHash: yield* knownNetworks.addressHash, now: yield* DateTime.now }
        return yield* storage.read(repo.credentials(email, request))
      })

      // An account that is found only by its exact spelling has its own counts: otherwise it and the other account of the same
      // mailbox would clear each other's counts by logging in.
      const targetOf = (email: EmailLookup, found: Option.Option<Credentials>): LoginTarget =>
        Option.match(found, {
          onNone: () => ({ key: accountKey(email), isKnownAddress: false }),
          onSome: ({ hasCanonicalEmail, isKnownAddress, userId }) => ({
            key: accountKey(hasCanonicalEmail ? email : { ...email, canonical: null }),
            isKnownAddress,
            userId
          })
        })

      // Guesses from unknown networks share one bucket per account. Each network that the owner has logged in from has its
      // own bucket, so that an attacker elsewhere cannot lock the owner out.
      const accountBucket = Effect.fnUntraced(function* ({ isKnownAddress, key }: LoginTarget) {
        const { network } = yield* CurrentOrigin
        return { limit: "loginAccount", key: isKnownAddress ? `${key} ${network}` : key } satisfies Bucket
      })

      // Opens the session only if the account still has the password hash that was checked.
      const open = ({ checkedHash, deviceName, kind, newHash, target, userId }: Opening) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            // First, because it reads the time of the previous login.
            const isNewDevice = yield* knownNetworks.recordLogin(userId)
            const isRecorded = yield* repo.recordLogin(userId, checkedHash, yield* DateTime.now)
            if (!isRecorded) return yield* new CredentialsChanged()
            if (Option.isSome(newHash)) yield* repo.replacePassword(userId, checkedHash, newHash.value)
            yield* failedLogins.clear(target)
            const { audit, events, session } = yield* sessionChanges.open(userId, deviceName, kind)
            const user = yield* profiles.find(userId)
            if (Option.isNone(user)) return yield* new CredentialsChanged()
            return {
              result: { session, user: user.value },
              events: [new UserLoggedIn({ userId }), ...events],
              audit: [{ userId, action: "user.logged_in", details: { sessionId: session.id } }, ...audit],
              mails: isNewDevice ? yield* notices.compose(userId, "new_device") : []
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

      const check = Effect.fnUntraced(function* (
        login: Attempt,
        found: Option.Option<Credentials>,
        target: LoginTarget
      ) {
        const stored = Option.map(found, (credentials) => credentials.passwordHash)
        const { matches, remaining } = yield* passwords.verify(login.password, stored)
        // A disabled account is refused only after the password check, so that its refusal takes the same time.
        if (Option.isNone(found)) return yield* refuse("unknown_email", { remaining })
        const { isActive, passwordHash, role, userId } = found.value
        if (!matches) return yield* refuse("wrong_password", { remaining, userId })
        if (!isActive) return yield* refuse("account_disabled", { remaining, userId })
        if (login.kind === "console" && role === null) return yield* refuse("no_role", { remaining, userId })
        const newHash = yield* passwords.renew(login.password, passwordHash)
        const { deviceName, kind } = login
        const opened = yield* open({ userId, checkedHash: passwordHash, deviceName, kind, newHash, target })
        return { ...opened, role }
      })

      const attempt = Effect.fnUntraced(function* (login: Attempt) {
        const { network } = yield* CurrentOrigin
        const email = { spelling: login.email, canonical: canonicalEmail(normaliseEmail(login.email)) }
        const found = yield* lookUp(email)
        const target = targetOf(email, found)
        const account = yield* accountBucket(target)
        const loggedIn = yield* check(login, found, target).pipe(
          Effect.catchTag(["CredentialsChanged", "UserNotFound"], () =>
            // The account changed during the check: check its new credentials, for a limited number of changes.
            Effect.flatMap(lookUp(email), (changed) => check(login, changed, target)).pipe(
              Effect.retry({ while: (error) => error._tag === "CredentialsChanged", times: 3 }),
              Effect.catchTag(["CredentialsChanged", "UserNotFound"], () =>
                refuse("account_changed", { remaining: Duration.zero })
              )
            )
          ),
          // Innermost, so that an attempt that another limit refuses is not the try of this hour. What it refuses does not count
          // in the account's bucket, whose shorter window would hide the hour.
          failedLogins.guard(target),
          limits.guard([account], [RateLimited]),
          limits.guard([{ limit: "loginIp", key: network }])
        )
        yield* limits.clear(account)
        return loggedIn
      })

      // The login takes its place in the hash queue before it queries an engine, so that excess logins do not slow reads. A
      // refusal gives the place back before it sleeps.
      const attemptInTurn = (credentials: Attempt) =>
        passwords.withPlace(attempt(credentials)).pipe(
          Effect.tapErrorTag(["PasswordRefused", "RateLimited"], () => activity.add("refused_logins", 1)),
          Effect.catchTag("PasswordRefused", ({ remaining }) =>
            Effect.andThen(Effect.sleep(remaining), Effect.fail(new InvalidCredentials()))
          )
        )

      const login = Effect.fn("Logins.login")(function* (credentials: Login) {
        const { session, user } = yield* attemptInTurn({ ...credentials, kind: "device" })
        return { user, tokens: yield* sessionTokens.issue(session) }
      })

      const loginStaff = Effect.fn("Logins.loginStaff")(function* (credentials: Login) {
        const { role, session, user } = yield* attemptInTurn({ ...credentials, kind: "console" })
        return role === null ? yield* new InvalidCredentials() : { role, session, user }
      })

      // In the background, so that the first login need not wait. After a failure here, the first login prepares and reports.
      yield* Effect.forkScoped(Effect.ignore(passwords.prepare, { log: "Debug" }))
      return { login, loginStaff }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      AccountsRepo.layer,
      ActivityCounts.layer,
      ProfilesRepo.layer,
      Passwords.layer,
      Changes.layer,
      SessionChanges.layer,
      SessionTokens.layer,
      SecurityNotices.layer,
      FailedLogins.layer,
      KnownNetworks.layer,
      Limits.layer
    ])
  )
}
