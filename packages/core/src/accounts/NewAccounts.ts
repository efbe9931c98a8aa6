import { IdempotentRequestInProgress } from "@user-service/domain/IdempotencyKey"
import { PasswordRejected } from "@user-service/domain/Password"
import type { FcmToken } from "@user-service/domain/DeviceTokenForm"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import * as Storage from "@user-service/database/Storage"
import { EmailVerificationMail } from "@user-service/domain/Mail"
import type { EmailTaken } from "@user-service/domain/Email"
import type { UserId, UsernameTaken } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { ActivityCounts } from "../activity/ActivityCounts.ts"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { MailLimits } from "../limits/MailLimits.ts"
import { OneTimeTokens } from "../one-time-tokens/OneTimeTokens.ts"
import { OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { CurrentOrigin } from "../Origin.ts"
import { ProfilesRepo } from "../profiles/ProfilesRepo.ts"
import { Registrations, retryLockingHolder } from "../push-tokens/Registrations.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { SessionTokens } from "../sessions/SessionTokens.ts"
import { IdempotencyKeysRepo, type IdempotentRequest } from "./IdempotencyKeysRepo.ts"
import { KnownNetworks } from "./KnownNetworks.ts"
import type { LoginResult } from "./Logins.ts"
import { type NewUser, NewUsers } from "./NewUsers.ts"
import { Passwords } from "./Passwords.ts"

/** The input of a registration. */
export interface NewAccount extends NewUser {
  readonly pushToken: Option.Option<typeof FcmToken.Type>
}

/** A registration whose password is hashed. */
interface HashedAccount {
  readonly account: NewAccount
  readonly passwordHash: string
  readonly request: IdempotentRequest | undefined
  /** False if the address had enough mails of registrations. */
  readonly isMailed: boolean
}

/** Why a registration is refused. */
export type RegistrationFailure = EmailTaken | UsernameTaken | PasswordRejected | RateLimited | ServiceUnavailable

/** Registers users. */
export class NewAccounts extends Context.Service<
  NewAccounts,
  {
    /**
     * Writes user, profile, preferences, push token, first session, events and the mail that verifies the address in one
     * transaction, and the outcome of `request` if the client sent an idempotency key. No mail if the address had enough of them.
     * Fails with `IdempotentRequestInProgress` if another transaction has stored an outcome of that key.
     */
    readonly register: (
      account: NewAccount,
      request?: IdempotentRequest
    ) => Effect.Effect<LoginResult, RegistrationFailure | IdempotentRequestInProgress>
  }
>()("@user-service/core/accounts/NewAccounts") {
  static readonly layerNoDeps = Layer.effect(
    NewAccounts,
    Effect.gen(function* () {
      const newUsers = yield* NewUsers
      const knownNetworks = yield* KnownNetworks
      const profiles = yield* ProfilesRepo
      const storage = yield* Storage.Storage
      const oneTimeTokens = yield* OneTimeTokens
      const tokens = yield* OneTimeTokensRepo
      const passwords = yield* Passwords
      const changes = yield* Changes
      const registrations = yield* Registrations
      const sessionChanges = yield* SessionChanges
      const sessionTokens = yield* SessionTokens
      const limits = yield* Limits
      const mailLimits = yield* MailLimits
      const idempotencyKeys = yield* IdempotencyKeysRepo
      const activity = yield* ActivityCounts

      const create = Effect.fnUntraced(function* (account: NewAccount, passwordHash: string) {
        const event = yield* newUsers.insert(account, passwordHash, false)
        const { userId: id } = event
        // Without a known network, an attacker's guesses could lock the owner out before their first login, and that login would
        // be from a new device.
        yield* knownNetworks.record(id)
        // The first session of the user, so it evicts none and has no events to publish.
        const { session } = yield* sessionChanges.open(id, "")
        return { id, session, event }
      })

      const issueVerification = Effect.fnUntraced(function* (userId: UserId) {
        const { token, ...stored } = yield* oneTimeTokens.generate
        // The mail needs no column of the answer, so nothing waits for it.
        yield* Effect.asVoid(storage.pipeline(tokens.insertEmailVerification({ userId, ...stored })))
        return { token, expiresAt: stored.expiresAt }
      })

      const recordOutcome = Effect.fnUntraced(function* (request: IdempotentRequest, userId: UserId) {
        const isRecorded = yield* idempotencyKeys.insert(request, userId, yield* DateTime.now)
        if (!isRecorded) return yield* new IdempotentRequestInProgress()
      })

      const open = ({ account, isMailed, passwordHash, request }: HashedAccount) =>
        retryLockingHolder((holders) =>
          changes.changeLocking(
            holders,
            Effect.gen(function* () {
              const { event, id, session } = yield* create(account, passwordHash)
              const verifications = isMailed ? [yield* issueVerification(id)] : []
              if (request !== undefined) yield* recordOutcome(request, id)
              const pushTokenEvents = Option.isNone(account.pushToken)
                ? []
                : (yield* registrations
                    .register({
                      owner: { userId: id, sessionId: session.id },
                      registration: { token: account.pushToken.value, platform: "web" },
                      locked: [id, ...holders]
                    })
                    .pipe(
                      Effect.catchTags({
                        TokenInvalid: () => Effect.die("The session opened in this transaction has ended"),
                        DeviceTokenMalformed: Effect.die
                      })
                    )).events
              const user = Option.getOrThrow(yield* profiles.find(id))
              const { language } = user.profile
              return {
                result: { session, user },
                events: [event, ...pushTokenEvents],
                audit: [{ userId: id, action: "user.registered", details: { sessionId: session.id } }],
                mails: verifications.map(
                  (verification) =>
                    new EmailVerificationMail({ userId: id, email: account.email, language, ...verification })
                )
              }
            })
          )
        )

      // Outside `withPlace`: the strength estimate has its own queue and must not take a place in the hash queue.
      const attempt = Effect.fnUntraced(function* (account: NewAccount, request: IdempotentRequest | undefined) {
        yield* newUsers.checkPassword(account)
        return yield* passwords.withPlace(
          Effect.flatMap(passwords.hash(account.password), (passwordHash) =>
            mailLimits.guardRegistration(account.email)((isAllowed) =>
              open({ account, passwordHash, request, isMailed: isAllowed })
            )
          )
        )
      })

      const register = Effect.fn("NewAccounts.register")(function* (account: NewAccount, request?: IdempotentRequest) {
        const { network } = yield* CurrentOrigin
        // The limit is checked before the password, so that a limited client costs no strength estimate.
        const { session, user } = yield* attempt(account, request).pipe(
          Effect.tap(activity.add("registrations", 1)),
          limits.guard([{ limit: "register", key: network }], [PasswordRejected])
        )
        return { user, tokens: yield* sessionTokens.issue(session) }
      })

      return { register }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      ActivityCounts.layer,
      NewUsers.layer,
      KnownNetworks.layer,
      ProfilesRepo.layer,
      OneTimeTokens.layer,
      OneTimeTokensRepo.layer,
      Passwords.layer,
      Changes.layer,
      Registrations.layer,
      SessionChanges.layer,
      SessionTokens.layer,
      Limits.layer,
      MailLimits.layer,
      IdempotencyKeysRepo.layer
    ])
  )
}
