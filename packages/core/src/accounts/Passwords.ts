import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { PasswordHasher, type Verification } from "@user-service/security/PasswordHasher"
import { Context, Data, Effect, Exit, Layer, Option, type Redacted } from "effect"
import { AccountsRepo } from "./AccountsRepo.ts"

/** The account changed after its password was checked. The caller checks again with the new credentials. */
export class CredentialsChanged extends Data.TaggedError("CredentialsChanged")<{}> {}

/** The password is refused. The caller sleeps for `remaining` first, so that all refusals take the same time. */
export class PasswordRefused extends Data.TaggedError("PasswordRefused")<Pick<Verification, "remaining">> {}

/** Checks and hashes passwords. All refusals take the same time, with or without a stored hash and for every scheme. */
export class Passwords extends Context.Service<
  Passwords,
  {
    /** Runs the effect with a place in the hash queue. Fails with `ServiceUnavailable` at once if the queue is full. */
    readonly withPlace: PasswordHasher["Service"]["withPlace"]
    /**
     * Without a stored hash, checks a decoy and returns no match. A caller that refuses the password sleeps for `remaining`
     * before it answers, outside `withPlace`.
     */
    readonly verify: (
      password: Redacted.Redacted<string>,
      stored: Option.Option<string>
    ) => Effect.Effect<Verification, ServiceUnavailable>
    /** Reads the schemes of the stored hashes and measures how long each takes, so that the first check need not. */
    readonly prepare: Effect.Effect<void, ServiceUnavailable>
    readonly hash: (password: Redacted.Redacted<string>) => Effect.Effect<string, ServiceUnavailable>
    /** A new hash if the stored one has an older scheme or a lower cost, else none. */
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

      // Read again after a minute, because hashes are renewed and accounts imported, and at once after a failure. Concurrent
      // callers share one read; it is uninterruptible because the caller that started it may be interrupted.
      const schemes = yield* Effect.cachedWithTTL(Effect.uninterruptible(storage.read(repo.passwordSchemes)), (found) =>
        Exit.isSuccess(found) ? "1 minute" : 0
      )

      const verify = Effect.fn("Passwords.verify")(function* (
        password: Redacted.Redacted<string>,
        stored: Option.Option<string>
      ) {
        const hash = Option.isSome(stored) ? stored.value : yield* hasher.decoy
        const { matches, remaining } = yield* hasher.verify(password, hash, yield* schemes)
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
