// Registrations with an `Idempotency-Key` (decision 0029).
import * as Storage from "@user-service/database/Storage"
import {
  type IdempotencyKey,
  IdempotencyKeyReused,
  IdempotentRequestInProgress,
  RegistrationOutdated
} from "@user-service/domain/IdempotencyKey"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Context, DateTime, Effect, Layer, Option, Redacted } from "effect"
import { Changes } from "../changes/Changes.ts"
import { Limits } from "../limits/Limits.ts"
import { SecurityNotices } from "../mails/SecurityNotices.ts"
import { CurrentOrigin } from "../Origin.ts"
import { ProfilesRepo } from "../profiles/ProfilesRepo.ts"
import { SessionChanges } from "../sessions/SessionChanges.ts"
import { SessionTokens } from "../sessions/SessionTokens.ts"
import { IdempotencyKeysRepo, type IdempotentRequest } from "./IdempotencyKeysRepo.ts"
import { KnownNetworks } from "./KnownNetworks.ts"
import type { LoginResult } from "./Logins.ts"
import { type NewAccount, NewAccounts, type RegistrationFailure } from "./NewAccounts.ts"

/** Why a request with an idempotency key is refused. */
export type IdempotencyFailure = IdempotencyKeyReused | IdempotentRequestInProgress | RegistrationOutdated

// The account as text: equal for equal registrations, whatever the spelling of their bodies.
const textOf = (account: NewAccount): string =>
  JSON.stringify([
    account.email,
    Redacted.value(account.password),
    account.firstName,
    account.lastName,
    Option.getOrNull(account.username),
    account.phoneNumber,
    Option.getOrNull(account.pushToken),
    account.emailEnabled,
    account.pushEnabled
  ])

/**
 * Registrations that a client may repeat. The outcome is stored in the transaction of the registration, so a process that ends at
 * any moment leaves both or neither. A repetition opens a new session of the registered user; no token is stored.
 */
export class IdempotentRegistrations extends Context.Service<
  IdempotentRegistrations,
  {
    /**
     * Registers the account, or returns the user that the same request registered within the last 24 hours. A repetition counts
     * as a login of its address instead of as a registration, hashes no password, and sends the user a notice if it comes from a
     * new device.
     */
    readonly register: (
      account: NewAccount,
      key: IdempotencyKey
    ) => Effect.Effect<LoginResult, RegistrationFailure | IdempotencyFailure>
  }
>()("@user-service/core/accounts/IdempotentRegistrations") {
  static readonly layerNoDeps = Layer.effect(
    IdempotentRegistrations,
    Effect.gen(function* () {
      const newAccounts = yield* NewAccounts
      const repo = yield* IdempotencyKeysRepo
      const profiles = yield* ProfilesRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const sessionChanges = yield* SessionChanges
      const sessionTokens = yield* SessionTokens
      const knownNetworks = yield* KnownNetworks
      const notices = yield* SecurityNotices
      const limits = yield* Limits
      const { hash } = yield* KeyedHashes

      const openSession = (request: IdempotentRequest, userId: UserId) =>
        changes.change(
          userId,
          Effect.gen(function* () {
            // Under the lock of the user, so that no session opens after a password change.
            if (!(yield* repo.isCurrent(request, userId))) return yield* new RegistrationOutdated()
            const isNewDevice = yield* knownNetworks.recordLogin(userId)
            const { audit, events, session } = yield* sessionChanges.open(userId, "")
            const user = yield* profiles.find(userId)
            return {
              result: { session, user: Option.getOrThrow(user) },
              events,
              audit: [{ userId, action: "user.registration_repeated", details: { sessionId: session.id } }, ...audit],
              mails: isNewDevice ? yield* notices.compose(userId, "new_device") : []
            }
          })
        )

      // None if the key has no outcome. The erasure of a user deletes it.
      const repeat = Effect.fnUntraced(function* (
        request: IdempotentRequest
      ): Effect.fn.Return<
        Option.Option<LoginResult>,
        IdempotencyKeyReused | RegistrationOutdated | RateLimited | ServiceUnavailable
      > {
        const { network } = yield* CurrentOrigin
        const stored = yield* storage.read(Effect.flatMap(DateTime.now, (now) => repo.find(request, now)))
        if (Option.isNone(stored)) return Option.none()
        const { isSameBody, userId } = stored.value
        return yield* Effect.gen(function* () {
          if (!isSameBody) return yield* new IdempotencyKeyReused()
          const { session, user } = yield* openSession(request, userId)
          return Option.some({ user, tokens: yield* sessionTokens.issue(session) })
        }).pipe(
          Effect.catchTag("UserNotFound", () => Effect.succeed(Option.none())),
          limits.guard([{ limit: "loginIp", key: network }])
        )
      })

      // Another process may have registered the account since `repeat` found no outcome.
      const registerNew = (account: NewAccount, request: IdempotentRequest) =>
        newAccounts
          .register(account, request)
          .pipe(
            Effect.catchTag(["EmailTaken", "UsernameTaken", "IdempotentRequestInProgress"], (error) =>
              Effect.flatMap(repeat(request), (repeated) =>
                Option.isSome(repeated) ? Effect.succeed(repeated.value) : Effect.fail(error)
              )
            )
          )

      // Within this process. Between processes the transaction decides, so that no lock outlives its process.
      const inProgress = new Set<IdempotencyKey>()
      const exclusively = <A, E, R>(key: IdempotencyKey, effect: Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(
          Effect.suspend(() =>
            inProgress.has(key) ? Effect.fail(new IdempotentRequestInProgress()) : Effect.succeed(inProgress.add(key))
          ),
          () => effect,
          () => Effect.sync(() => inProgress.delete(key))
        )

      const register = Effect.fn("IdempotentRegistrations.register")(function* (
        account: NewAccount,
        key: IdempotencyKey
      ) {
        const request: IdempotentRequest = {
          route: "register",
          keyHash: hash("idempotency key", key),
          bodyHash: hash("idempotent body", textOf(account))
        }
        const attempt = Effect.flatMap(repeat(request), (repeated) =>
          Option.isSome(repeated) ? Effect.succeed(repeated.value) : registerNew(account, request)
        )
        return yield* exclusively(key, attempt)
      })

      return { register }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([
      NewAccounts.layer,
      IdempotencyKeysRepo.layer,
      ProfilesRepo.layer,
      Changes.layer,
      SessionChanges.layer,
      SessionTokens.layer,
      KnownNetworks.layer,
      SecurityNotices.layer,
      Limits.layer
    ])
  )
}
