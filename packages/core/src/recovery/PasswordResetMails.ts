import * as Storage from "@user-service/database/Storage"
import { PasswordResetMail } from "@user-service/domain/Mail"
import { oneTimeTokenLifetime } from "@user-service/domain/OneTimeToken"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { UserId, UserNotFound } from "@user-service/domain/User"
import { Cause, Context, DateTime, Effect, Layer, Option, Result } from "effect"
import { actDetails } from "../Actor.ts"
import { secondsSince } from "../Age.ts"
import { Changes } from "../changes/Changes.ts"
import { OneTimeTokens } from "../one-time-tokens/OneTimeTokens.ts"
import { OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"
import { CurrentOrigin } from "../Origin.ts"
import { PasswordResetRequestsRepo, type ResetRequest } from "./PasswordResetRequestsRepo.ts"

/** The requests that wait to be handled. */
export interface ResetRequestBacklog {
  /** At most a million: the count stops there. */
  readonly waiting: number
  /** The age of the oldest. */
  readonly seconds: number
}

/** Turns requests for password resets into mails with a token. */
export class PasswordResetMails extends Context.Service<
  PasswordResetMails,
  {
    /**
     * Handles at most `limit` requests, the oldest first, and returns their number. A request is deleted in the transaction that
     * writes its mail, so each is handled once, however many workers run. Requests without an active account and requests
     * older than an hour are deleted. A request that cannot be handled now does not delay the others: one whose account is locked is
     * left for a later call, and for another failure `send` fails after it has handled the rest.
     */
    readonly send: (limit: number) => Effect.Effect<number, ServiceUnavailable>
    /** Sends a mail with a token to the user, and returns whether it did: a disabled account gets none. The caller limits it. */
    readonly sendTo: (userId: UserId) => Effect.Effect<boolean, UserNotFound | ServiceUnavailable>
    readonly backlog: Effect.Effect<ResetRequestBacklog, ServiceUnavailable>
  }
>()("@user-service/core/recovery/PasswordResetMails") {
  static readonly layerNoDeps = Layer.effect(
    PasswordResetMails,
    Effect.gen(function* () {
      const repo = yield* PasswordResetRequestsRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const oneTimeTokens = yield* OneTimeTokens
      const tokensRepo = yield* OneTimeTokensRepo

      const remove = ({ id }: ResetRequest) => Effect.asVoid(storage.write(repo.remove([id])))

      // The result is whether there is a mail.
      const compose = Effect.fnUntraced(function* (userId: UserId) {
        const { token, ...stored } = yield* oneTimeTokens.generate
        const recipient = yield* tokensRepo.insertPasswordReset({ userId, ...stored })
        if (Option.isNone(recipient)) return unchanged
        const { email, language } = recipient.value
        return {
          result: true,
          events: [],
          audit: [
            { userId, action: "user.password_reset_requested", details: yield* actDetails(null, { sentTo: email }) }
          ],
          mails: [new PasswordResetMail({ userId, email, language, token, expiresAt: stored.expiresAt })]
        }
      })

      const issue = Effect.fnUntraced(function* ({ id, userId }: ResetRequest) {
        const isUnhandled = (yield* repo.remove([id])).length === 1
        return isUnhandled ? yield* compose(userId) : unchanged
      })

      // The audit entry is of the client who sent the request.
      const handle = (request: ResetRequest) =>
        changes.change(request.userId, issue(request)).pipe(
          Effect.provideService(CurrentOrigin, {
            ip: request.ip,
            network: request.ip ?? "local",
            userAgent: request.userAgent
          }),
          // The account was erased since.
          Effect.catchTag("UserNotFound", () => remove(request)),
          // A request that cannot be handled must not stop those behind it. Its user can send another.
          Effect.catchCauseIf(
            (cause) => !Cause.hasFails(cause) && !Cause.hasInterrupts(cause),
            (cause) =>
              Effect.andThen(
                Effect.logError("Unexpected error while handling a password reset request, which is dropped", cause),
                remove(request)
              )
          )
        )

      const send = Effect.fn("PasswordResetMails.send")(function* (limit: number) {
        const oldest = DateTime.subtractDuration(yield* DateTime.now, oneTimeTokenLifetime)
        // First, so that no number of them hides the others.
        const removed = yield* storage.write(repo.removeMoot(oldest, limit))
        const pending = yield* storage.write(repo.pending(oldest, limit))
        const outcomes = yield* Effect.forEach(pending, (request) => Effect.result(handle(request)), { concurrency })
        yield* Effect.fromResult(Result.all(outcomes))
        return removed + pending.length
      })

      const sendTo = Effect.fn("PasswordResetMails.sendTo")((userId: UserId) => changes.change(userId, compose(userId)))

      const backlog = Effect.gen(function* () {
        const { oldest, waiting } = yield* storage.read(repo.waiting(maxCount))
        return { waiting, seconds: secondsSince(oldest, yield* DateTime.now) }
      })

      return { send, sendTo, backlog }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([PasswordResetRequestsRepo.layer, Changes.layer, OneTimeTokens.layer, OneTimeTokensRepo.layer])
  )
}

// Several, because a request waits for the lock of its user.
const concurrency = 4
const maxCount = 1_000_000

const unchanged = { result: false, events: [], audit: [] }
