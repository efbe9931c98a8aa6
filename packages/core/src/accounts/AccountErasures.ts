import * as Storage from "@user-service/database/Storage"
import { IncorrectPassword } from "@user-service/domain/Password"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { TokenInvalid } from "@user-service/domain/Token"
import { type UserId, UserNotFound } from "@user-service/domain/User"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, type Duration, Effect, Layer, Option, type Redacted } from "effect"
import { type ErasureGuard, Erasures } from "../erasures/Erasures.ts"
import { Limits } from "../limits/Limits.ts"
import { CurrentOrigin } from "../Origin.ts"
import { AccountsRepo } from "./AccountsRepo.ts"
import { PasswordRefused, Passwords } from "./Passwords.ts"

/** Erases the account of a user who knows its password. */
export class AccountErasures extends Context.Service<
  AccountErasures,
  {
    /**
     * Erases the account (see `Erasures`). Attempts are counted with those to change the password. Fails with `TokenInvalid` if
     * the account is already erased. The guard may refuse the erasure.
     */
    readonly eraseOwn: <E>(
      userId: UserId,
      password: Redacted.Redacted<string>,
      guard: ErasureGuard<E>
    ) => Effect.Effect<void, E | IncorrectPassword | TokenInvalid | RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/accounts/AccountErasures") {
  static readonly layerNoDeps = Layer.effect(
    AccountErasures,
    Effect.gen(function* () {
      const repo = yield* AccountsRepo
      const storage = yield* Storage.Storage
      const passwords = yield* Passwords
      const erasures = yield* Erasures
      const limits = yield* Limits
      const refusals = yield* CredentialRefusals

      const refuse = Effect.fnUntraced(function* (userId: UserId, remaining: Duration.Duration) {
        const { ip } = yield* CurrentOrigin
        yield* refusals.record({ event: "current_password_refused", reason: "wrong_password", ip, userId })
        return yield* new PasswordRefused({ remaining })
      })

      // Returns the hash that the password matches.
      const check = Effect.fnUntraced(function* (userId: UserId, password: Redacted.Redacted<string>) {
        const owner = yield* storage.read(repo.owner(userId))
        if (Option.isNone(owner)) return yield* new TokenInvalid({ reason: "revoked", userId })
        const { passwordHash } = owner.value
        const { matches, remaining } = yield* passwords.verify(password, Option.some(passwordHash))
        return matches ? passwordHash : yield* refuse(userId, remaining)
      }, passwords.withPlace)

      const attempt = <E>(userId: UserId, password: Redacted.Redacted<string>, guard: ErasureGuard<E>) =>
        Effect.flatMap(check(userId, password), (checkedHash) => erasures.erase({ userId, checkedHash }, guard)).pipe(
          // The hash was replaced during the check, or the account erased: check again.
          Effect.retry({ while: (error) => error instanceof UserNotFound, times: 3 })
        )

      const eraseOwn = Effect.fn("AccountErasures.eraseOwn")(
        <E>(userId: UserId, password: Redacted.Redacted<string>, guard: ErasureGuard<E>) =>
          attempt(userId, password, guard).pipe(
            limits.guard([{ limit: "changePassword", key: userId }]),
            Effect.catch(
              (
                error
              ): Effect.Effect<never, E | IncorrectPassword | TokenInvalid | RateLimited | ServiceUnavailable> => {
                if (error instanceof UserNotFound) return Effect.fail(new TokenInvalid({ reason: "revoked", userId }))
                if (!(error instanceof PasswordRefused)) return Effect.fail(error)
                // Outside `withPlace`: a refusal gives its place back before it sleeps.
                return Effect.andThen(
                  Effect.sleep(error.remaining),
                  Effect.fail(new IncorrectPassword({ field: "password" }))
                )
              }
            )
          )
      )

      return { eraseOwn }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([AccountsRepo.layer, Passwords.layer, Erasures.layer, Limits.layer])
  )
}
