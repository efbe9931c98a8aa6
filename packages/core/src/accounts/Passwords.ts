import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { PasswordHasher, type Verification } from "@user-service/security/PasswordHasher"
import { Context, Data, Effect, Exit, Layer, Option, type Redacted } from "effect"
import { AccountsRepo } from "./AccountsRepo.ts"

/** The account changed between the check of a password and what it was checked for: start again. */
export class CredentialsChanged extends Data.TaggedError("CredentialsChanged")<{}> {}

/** The password is refused, once what is `remaining` of the time of a refusal has passed. */
export class PasswordRefused extends Data.TaggedError("PasswordRefused")<Pick<Verification, "remaining">> {}

/** Checks of passwords whose refusals take the same time, whether there is a hash and whatever its scheme. */
export class Passwords extends Context.Service<
  Passwords,
  {
    /** Runs the effect with a place among those who hash; where none is left it is refused before it begins. */
    readonly withPlace: PasswordHasher["Service"]["withPlace"]
    /**
     * No match where there is no hash, after the work of one of our own scheme. Whoever refuses the password then waits for
     * what is `remaining`, and holds no place meanwhile.
     */
    readonly verify: (
      password: Redacted.Redacted<string>,
      stored: Option.Option<string>
    ) => Effect.Effect<Verification, ServiceUnavailable>
    /** Finds out ahead of the first check what it needs to know: which schemes there are, and how long each takes. */
    readonly prepare: Effect.Effect<void, ServiceUnavailable>
    readonly hash: (password: Redacted.Redacted<string>) => Effect.Effect<string, ServiceUnavailable>
    /** The hash to store instead of one of an older scheme or a lower cost. */
    readonly renew: (
      password: Redacted.Redacted<string>,
      stored: string
    ) => Effect.Effect<Option.Option<string>, ServiceUnavailable>
  }
>()("@user-service/core/accounts/Passwords") {
  static readonly layerNoDeps = Layer.effect(
    Passwords,
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const repo = yield* AccountsRepo
      const storage = yield* Storage.Storage

      // Once a minute, since hashes are renewed and accounts imported; at once after the database was out of reach. One
      // reads for all who ask meanwhile, so its own client's leaving does not end it.
      const schemes = yield* Effect.cachedWithTTL(Effect.uninterruptible(storage.read(repo.passwordSchemes)), (found) =>
        Exit.isSuccess(found) ? "1 minute" : 0
      )

      const verify = Effect.fn("Passwords.verify")(function* (
        password: Redacted.Redacted<string>,
        stored: Option.Option<string>
      ) {
        const against = Option.isSome(stored) ? stored.value : yield* hasher.decoy
        const { matches, remaining } = yield* hasher.verify(password, against, yield* schemes)
        return { matches: matches && Option.isSome(stored), remaining }
      })

      const renew = Effect.fn("Passwords.renew")(function* (password: Redacted.Redacted<string>, stored: string) {
        return hasher.needsRehash(stored) ? Option.some(yield* hasher.hash(password)) : Option.none()
      })

      return {
        withPlace: hasher.withPlace,
        verify,
        prepare: Effect.flatMap(schemes, hasher.measure),
        hash: hasher.hash,
        renew
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(AccountsRepo.layer))
}
