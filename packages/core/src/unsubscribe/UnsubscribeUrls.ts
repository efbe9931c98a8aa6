import type { Channel } from "@user-service/domain/Delivery"
import type { UserId } from "@user-service/domain/User"
import { type UnsubscribeCategory, UnsubscribeTokens } from "@user-service/security/UnsubscribeTokens"
import { Context, DateTime, Duration, Effect, Layer } from "effect"
import { PublicUrl } from "../PublicUrl.ts"

/** The links of one e-mail. */
export interface UnsubscribeLinks {
  /** Switches the category of the channel off. Does not expire. */
  readonly url: string
  /** Leads to all preferences of the user, while the user has the address of the e-mail and for 30 days. */
  readonly manageUrl: string
}

/** An e-mail that needs links. */
export interface LinkedMail {
  readonly userId: UserId
  readonly channel: Channel
  readonly category: UnsubscribeCategory
  readonly email: string
}

const manageLifetime = Duration.days(30)

/** Makes the links in e-mails with which their recipients unsubscribe (infra/decisions/0030-unsubscribe-links.md). */
export class UnsubscribeUrls extends Context.Service<
  UnsubscribeUrls,
  {
    /** A function that makes the links of an e-mail that is resolved at `now`. Synchronous, because it is called a thousand times. */
    readonly maker: (now: DateTime.Utc) => (mail: LinkedMail) => UnsubscribeLinks
  }
>()("@user-service/core/unsubscribe/UnsubscribeUrls") {
  static readonly layer = Layer.effect(
    UnsubscribeUrls,
    Effect.gen(function* () {
      const tokens = yield* UnsubscribeTokens
      const base = `${yield* PublicUrl}/u/`
      return {
        maker: (now) => {
          const { manage, unsubscribe } = tokens.signer(now)
          const expiresAt = DateTime.addDuration(now, manageLifetime)
          return ({ category, channel, email, userId }) => ({
            url: base + unsubscribe({ userId, channel, category }),
            manageUrl: base + manage({ userId, email, expiresAt })
          })
        }
      }
    })
  )
}
