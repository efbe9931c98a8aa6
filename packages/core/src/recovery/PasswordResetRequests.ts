import * as Storage from "@user-service/database/Storage"
import { canonicalEmail, type EmailSpelling, normaliseEmail } from "@user-service/domain/Email"
import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer } from "effect"
import { OutboxSignal } from "../changes/OutboxSignal.ts"
import { MailLimits } from "../limits/MailLimits.ts"
import { PasswordResetRequestsRepo } from "./PasswordResetRequestsRepo.ts"

/** Takes requests for password resets. `PasswordResetMails` handles them in the background. */
export class PasswordResetRequests extends Context.Service<
  PasswordResetRequests,
  {
    /**
     * Records the request. Does the same work for a known, an unknown and a disabled account, so that neither the outcome nor
     * its time reveals which it is. Does nothing if the address had enough mails.
     */
    readonly submit: (email: EmailSpelling) => Effect.Effect<void, RateLimited | ServiceUnavailable>
  }
>()("@user-service/core/recovery/PasswordResetRequests") {
  static readonly layerNoDeps = Layer.effect(
    PasswordResetRequests,
    Effect.gen(function* () {
      const repo = yield* PasswordResetRequestsRepo
      const storage = yield* Storage.Storage
      const mailLimits = yield* MailLimits
      const signal = yield* OutboxSignal

      const record = Effect.fnUntraced(function* (email: EmailSpelling) {
        const lookup = { spelling: email, canonical: canonicalEmail(normaliseEmail(email)) }
        yield* storage.write(Effect.flatMap(DateTime.now, (now) => repo.insert(lookup, now)))
        yield* signal.send
      })

      const submit = Effect.fn("PasswordResetRequests.submit")((email: EmailSpelling) =>
        mailLimits
          // Counts whether a mail will go out or not: to know that, the request would have to look the address up.
          .guardAddress(
            "passwordReset",
            email
          )((isAllowed) => (isAllowed ? Effect.as(record(email), true) : Effect.succeed(false)))
          .pipe(mailLimits.guardClient)
      )

      return { submit }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([PasswordResetRequestsRepo.layer, MailLimits.layer, OutboxSignal.layer])
  )
}
