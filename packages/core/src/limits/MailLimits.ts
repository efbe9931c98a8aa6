import { canonicalEmail, normaliseEmail } from "@user-service/domain/Email"
import { RateLimited } from "@user-service/domain/RateLimit"
import { Context, Effect, Layer } from "effect"
import { Limits } from "./Limits.ts"
import { CurrentOrigin } from "../Origin.ts"

// Nothing is sent by a registration that is refused for one of these.
const refusals = ["EmailTaken", "UsernameTaken", "PasswordRejected", "IdempotentRequestInProgress"]

/** The limits on mails with one-time tokens, against flooding a mailbox. */
export class MailLimits extends Context.Service<
  MailLimits,
  {
    /** Counts a request for a mail, whether one is sent or not. */
    readonly guardClient: <A, E, R>(request: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimited, R>
    /** Counts the mail to the address and runs `send`, or returns false if the address had enough mails. */
    readonly guardAddress: (
      limit: "passwordReset" | "verifyEmail",
      email: string
    ) => <E, R>(send: Effect.Effect<void, E, R>) => Effect.Effect<boolean, E, R>
    /**
     * Counts the mail of a registration and runs `register` with whether it may send one. A registration that is refused does not
     * count. In a bucket of its own: others must not lose their resets by it.
     */
    readonly guardRegistration: (
      email: string
    ) => <A, E, R>(register: (isMailed: boolean) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("@user-service/core/limits/MailLimits") {
  static readonly layerNoDeps = Layer.effect(
    MailLimits,
    Effect.gen(function* () {
      const limits = yield* Limits

      const keyOf = (email: string) => canonicalEmail(normaliseEmail(email))

      return {
        guardClient: (request) =>
          Effect.flatMap(CurrentOrigin, ({ network }) => limits.guard([{ limit: "mailIp", key: network }])(request)),
        guardAddress: (limit, email) => (send) =>
          Effect.catchIf(
            limits.guard([{ limit, key: keyOf(email) }])(Effect.as(send, true)),
            (error) => error instanceof RateLimited,
            () => Effect.succeed(false)
          ),
        guardRegistration: (email) => (register) =>
          Effect.catchIf(
            limits.guard([{ limit: "verifyEmail", key: `registration ${keyOf(email)}` }], refusals)(register(true)),
            (error) => error instanceof RateLimited,
            () => register(false)
          )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(Limits.layer))
}
