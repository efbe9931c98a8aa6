import { canonicalEmail, normaliseEmail } from "@user-service/domain/Email"
import { RateLimited } from "@user-service/domain/RateLimit"
import type { UserId } from "@user-service/domain/User"
import { Context, Effect, Layer } from "effect"
import { type Bucket, type ErrorClass, Limits } from "./Limits.ts"
import { CurrentOrigin } from "../Origin.ts"

/** The limits on mails with one-time tokens, against flooding a mailbox. */
export class MailLimits extends Context.Service<
  MailLimits,
  {
    /** Counts a request for a mail, whether one is sent or not. */
    readonly guardClient: <A, E, R>(request: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    /**
     * Counts a user's request for a change to the address, whether the address is taken or free. A request that fails with one of the
     * `uncounted` errors does not count.
     */
    readonly guardChange: (
      userId: UserId,
      email: string,
      uncounted: ReadonlyArray<ErrorClass>
    ) => <A, E, R>(request: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    /**
     * Counts the mail to the address and runs `send` with whether it may send one. `send` returns whether it does: a mail that is not
     * sent does not count, since it would take a mail from the owner of the address.
     */
    readonly guardAddress: (
      limit: "passwordReset" | "verifyEmail",
      email: string
    ) => <E, R>(send: (isAllowed: boolean) => Effect.Effect<boolean, E, R>) => Effect.Effect<void, E, R>
    /**
     * Counts the mails that staff send to a user, in a bucket of its own: neither a stranger nor staff use up the mails of the other.
     * A mail that is not sent does not count.
     */
    readonly guardStaff: (
      limit: "passwordReset" | "verifyEmail",
      userId: UserId
    ) => <E, R>(send: Effect.Effect<boolean, E, R>) => Effect.Effect<boolean, E | RateLimited, R>
    /**
     * Counts the mail of a registration and runs `register` with whether it may send one. A registration that fails does not count.
     * The bucket is not that of `guardAddress`: a stranger who registers an address again and again would use up the resets of its
     * owner.
     */
    readonly guardRegistration: (
      email: string
    ) => <A, E, R>(register: (isAllowed: boolean) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("@user-service/core/limits/MailLimits") {
  static readonly layerNoDeps = Layer.effect(
    MailLimits,
    Effect.gen(function* () {
      const limits = yield* Limits

      const keyOf = (email: string) => canonicalEmail(normaliseEmail(email))

      const guardMail =
        <A>(bucket: Bucket, isSent: (result: A) => boolean) =>
        <E, R>(run: (isAllowed: boolean) => Effect.Effect<A, E, R>) =>
          Effect.catchIf(
            limits.guardSuccesses([bucket], isSent)(run(true)),
            (error) => error instanceof RateLimited,
            () => run(false)
          )

      return {
        guardClient: (request) =>
          Effect.flatMap(CurrentOrigin, ({ network }) => limits.guard([{ limit: "mailIp", key: network }])(request)),
        guardChange: (userId, email, uncounted) =>
          limits.guard([{ limit: "verifyEmail", key: `change ${userId} ${keyOf(email)}` }], uncounted),
        guardAddress: (limit, email) => (send) =>
          Effect.asVoid(guardMail({ limit, key: keyOf(email) }, (isSent: boolean) => isSent)(send)),
        guardStaff: (limit, userId) =>
          limits.guardSuccesses([{ limit, key: `staff ${userId}` }], (isSent: boolean) => isSent),
        guardRegistration: (email) =>
          guardMail({ limit: "verifyEmail", key: `registration ${keyOf(email)}` }, () => true)
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(Limits.layer))
}
