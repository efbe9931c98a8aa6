import { canonicalEmail, normaliseEmail } from "@user-service/domain/Email"
import { RateLimited } from "@user-service/domain/RateLimit"
import { Context, Effect, Layer } from "effect"
import { Limits } from "../limits/Limits.ts"
import { CurrentOrigin } from "../Origin.ts"

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
  }
>()("@user-service/core/recovery/MailLimits") {
  static readonly layerNoDeps = Layer.effect(
    MailLimits,
    Effect.gen(function* () {
      const limits = yield* Limits
      return {
        guardClient: (request) =>
          Effect.flatMap(CurrentOrigin, ({ network }) => limits.guard([{ limit: "mailIp", key: network }])(request)),
        guardAddress: (limit, email) => (send) =>
          Effect.catchIf(
            limits.guard([{ limit, key: canonicalEmail(normaliseEmail(email)) }])(Effect.as(send, true)),
            (error) => error instanceof RateLimited,
            () => Effect.succeed(false)
          )
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(Limits.layer))
}
