// Counts of failed logins for each account (decision 0028).
import * as Storage from "@user-service/database/Storage"
import { RateLimited } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId } from "@user-service/domain/User"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { CurrentOrigin } from "../Origin.ts"
import type { Query } from "../Rows.ts"
import { allowedFailures, FailedLoginsRepo, type FailedLoginState, noFailures } from "./FailedLoginsRepo.ts"

const hourSeconds = 3600
const tooManyFailures = new RateLimited({
  policy: "failed-logins",
  limit: 1,
  windowSeconds: hourSeconds,
  retryAfterSeconds: hourSeconds
})

/** The account that a login names, whether it exists or not. */
export interface LoginTarget {
  /** The key of the account's counts: see {@link accountKey}. */
  readonly key: string
  /** The account knows the address of this request. False if there is no account. */
  readonly isKnownAddress: boolean
  readonly userId?: UserId | undefined
}

/**
 * The key under which the logins of an e-mail are counted: the canonical address. An account that is found only by its exact
 * spelling has a key of its own, because another account has the canonical address.
 */
export const accountKey = (email: { readonly spelling: string; readonly canonical: string | null }): string =>
  email.canonical ?? `exactly ${email.spelling}`

/**
 * Counts failed logins in a row for each e-mail, known or not, in PostgreSQL under its keyed hash, so that no restart and no loss
 * of Redis gives an attacker new guesses. After 100, the addresses that the account does not know have one try an hour together,
 * until its owner logs in from a known one. Counts are forgotten 30 days after the last failure.
 */
export class FailedLogins extends Context.Service<
  FailedLogins,
  {
    /**
     * Counts the attempt as failed, in one atomic statement, and then runs it. Fails with `RateLimited` without running it if
     * the address is refused. An attempt that fails with `ServiceUnavailable` does not count.
     */
    readonly guard: (
      target: LoginTarget
    ) => <A, E, R>(attempt: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited | ServiceUnavailable, R>
    /** Ends the row of failures after a login, in its transaction. A full count ends only from a known address. */
    readonly clear: (target: LoginTarget) => Query<void>
    /** Deletes the count of the user's e-mail, full or not: after a password reset and at an erasure, in its transaction. */
    readonly clearOf: (userId: UserId) => Query<void>
    /** The failed logins in a row for the user's e-mail. */
    readonly stateOf: (userId: UserId) => Effect.Effect<FailedLoginState, ServiceUnavailable>
  }
>()("@user-service/core/limits/FailedLogins") {
  static readonly layerNoDeps = Layer.effect(
    FailedLogins,
    Effect.gen(function* () {
      const repo = yield* FailedLoginsRepo
      const storage = yield* Storage.Storage
      const hashes = yield* KeyedHashes
      const refusals = yield* CredentialRefusals

      const hashOf = (key: string) => hashes.hash("failed-login", key)
      const rowKey = ({ isKnownAddress, key }: LoginTarget) => ({ emailHash: hashOf(key), isKnownAddress })

      const refuse = Effect.fnUntraced(function* ({ userId }: LoginTarget) {
        const { ip } = yield* CurrentOrigin
        yield* refusals.record({ event: "login_refused", reason: "too_many_failures", ip, userId })
        return yield* tooManyFailures
      })

      const count = Effect.fnUntraced(function* (target: LoginTarget) {
        const now = yield* DateTime.now
        const failures = yield* storage.write(repo.count(rowKey(target), now))
        return Option.isSome(failures) ? failures.value : yield* refuse(target)
      })

      const guard: FailedLogins["Service"]["guard"] = (target) => (attempt) =>
        Effect.flatMap(count(target), (failures) =>
          Effect.tapError(attempt, (error) =>
            error instanceof ServiceUnavailable
              ? storage.write(repo.refund(hashOf(target.key), !target.isKnownAddress && failures > allowedFailures))
              : Effect.void
          )
        )

      const clear = Effect.fn("FailedLogins.clear")((target: LoginTarget) => repo.clear(rowKey(target)))

      const clearOf = Effect.fn("FailedLogins.clearOf")(function* (userId: UserId) {
        const emails = yield* repo.emails(userId)
        if (Option.isSome(emails)) yield* repo.remove(hashOf(accountKey(emails.value)))
      })

      const stateOf = Effect.fn("FailedLogins.stateOf")(function* (userId: UserId) {
        const now = yield* DateTime.now
        return yield* storage.read(
          Effect.flatMap(repo.emails(userId), (emails) =>
            Option.isSome(emails) ? repo.state(hashOf(accountKey(emails.value)), now) : Effect.succeed(noFailures)
          )
        )
      })

      return { guard, clear, clearOf, stateOf }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(FailedLoginsRepo.layer))
}
