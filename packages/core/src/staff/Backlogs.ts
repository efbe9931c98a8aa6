import * as Storage from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, type DateTime, Effect, Layer } from "effect"
import { DeadLettersRepo } from "../dead-letters/DeadLettersRepo.ts"
import { MailOutboxRepo } from "../mails/MailOutboxRepo.ts"
import { OutboxRepo } from "../outbox/OutboxRepo.ts"
import { PasswordResetRequestsRepo } from "../recovery/PasswordResetRequestsRepo.ts"

/** How much waits, counted up to a limit, and since when. */
export interface Backlog {
  readonly waiting: number
  /** Null if nothing waits. */
  readonly oldest: DateTime.Utc | null
}

/** The work that waits for workers and operators. */
export interface AllBacklogs {
  /** Set-aside events wait for a release that can read them. */
  readonly events: Backlog & { readonly setAside: number }
  readonly mails: Backlog
  readonly passwordResets: Backlog
  readonly deadLetters: Backlog
}

// Counting more would take long, and says no more to staff. The worker's metrics count to a million.
const maxCount = 10_000

/** The backlogs, for staff. */
export class Backlogs extends Context.Service<
  Backlogs,
  {
    /** Counts up to ten thousand. */
    readonly find: Effect.Effect<AllBacklogs, ServiceUnavailable>
  }
>()("@user-service/core/staff/Backlogs") {
  static readonly layerNoDeps = Layer.effect(
    Backlogs,
    Effect.gen(function* () {
      const storage = yield* Storage.Storage
      const outbox = yield* OutboxRepo
      const mails = yield* MailOutboxRepo
      const passwordResets = yield* PasswordResetRequestsRepo
      const deadLetters = yield* DeadLettersRepo

      const find = storage
        .read(
          Effect.all(
            {
              events: outbox.lag(maxCount),
              mails: mails.lag(maxCount),
              passwordResets: passwordResets.waiting(maxCount),
              deadLetters: deadLetters.waiting(maxCount)
            },
            { concurrency: "unbounded" }
          )
        )
        .pipe(Effect.withSpan("Backlogs.find"))

      return { find }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([DeadLettersRepo.layer, MailOutboxRepo.layer, OutboxRepo.layer, PasswordResetRequestsRepo.layer])
  )
}
