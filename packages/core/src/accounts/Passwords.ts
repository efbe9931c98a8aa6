import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { Context, Data, Effect, Exit, Layer, Option, type Redacted } from "effect"
import { AccountsRepo } from "./AccountsRepo.ts"

/** The account changed between the check of a password and what it was checked for: start again. */
export class CredentialsChanged extends Data.TaggedError("CredentialsChanged")<{}> {}

/** Checks of stored passwords that take the same time whether or not there is one. */
export class Passwords extends Context.Service<
  Passwords,
  {
    /** Runs the effect with a place among those who hash; where none is left it is refused before it begins. */
    readonly withPlace: PasswordHasher["Service"]["withPlace"]
    /** False for no hash, after the work that most stored ones cost. */
    readonly verify: (
      password: Redacted.Redacted<string>,
      stored: Option.Option<string>
    ) => Effect.Effect<boolean, ServiceUnavailable>
    readonly hash: (password: Redacted.Redacted<string>) => Effect.Effect<string, ServiceUnavailable>
    /** The hash to store instead of one of an older scheme or a lower cost. */
    readonly renew: (
      password: Redacted.Redacted<string>,
      stored: string
    ) => Effect.Effect<Option.Option<string>, ServiceUnavailable>
  }
>()("@user-service/core/accounts/Passwords") {
  static readonly layer = Layer.effect(
    Passwords,
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const repo = yield* AccountsRepo
      const storage = yield* Storage.Storage

      // What an unknown account's password is compared with: looked up again now and then, since hashes are renewed, and at
      // once where the database was out of reach.
      const decoy = yield* Effect.cachedWithTTL(
        Effect.flatMap(storage.read(repo.commonHash), (common) => hasher.decoy(Option.getOrElse(common, () => ""))),
        (found) => (Exit.isSuccess(found) ? "1 hour" : 0)
      )

      const verify = Effect.fn("Passwords.verify")(function* (
        password: Redacted.Redacted<string>,
        stored: Option.Option<string>
      ) {
        // Made ready in every case, so that a known account does not answer sooner.
        const instead = yield* decoy
        const matches = yield* hasher.verify(
          password,
          Option.getOrElse(stored, () => instead)
        )
        return matches && Option.isSome(stored)
      })

      const renew = Effect.fn("Passwords.renew")(function* (password: Redacted.Redacted<string>, stored: string) {
        return hasher.needsRehash(stored) ? Option.some(yield* hasher.hash(password)) : Option.none()
      })

      return { withPlace: hasher.withPlace, verify, hash: hasher.hash, renew }
    })
  )
}
