import { NotificationId, type ResolvedDelivery, UserServiceClient, type UserId } from "@user-service/rpc-client"
import { Context, Effect, Schema } from "effect"
import { type SendResult, Statuses } from "./sender.ts"

// A sender of newsletters. It resolves who may be sent the e-mail and at which address, adds the headers and links for
// unsubscribing, sends, and reports the statuses over AMQP. The user service does not return an address again that bounced
// permanently.

/** An e-mail as it is sent. */
export interface OutgoingMail {
  readonly to: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The mail server of the recipient refused the e-mail. */
export class MailBounced extends Schema.TaggedError<MailBounced>()("MailBounced", {
  /** `hard` if the address does not exist, `soft` if the refusal is temporary, such as for a full mailbox. */
  bounceType: Schema.Literals(["hard", "soft"]),
  /** The reply of the mail server, such as `550 5.1.1 User unknown`. */
  reply: Schema.String
}) {}

/** The e-mail provider: SES, Postmark or another. Its DKIM signature must cover the headers (RFC 8058, section 4). */
export class MailTransport extends Context.Service<
  MailTransport,
  { readonly send: (mail: OutgoingMail) => Effect.Effect<void, MailBounced> }
>()("@user-service/rpc-client/examples/email-sender/MailTransport") {}

/** Sends the newsletter to each recipient who wants it. An issue that is sent again is charged to nobody twice. */
export const sendNewsletter = Effect.fn("sendNewsletter")(function* (
  issue: string,
  recipients: ReadonlyArray<UserId>,
  text: string
) {
  const { resolveDeliveries } = yield* UserServiceClient
  const transport = yield* MailTransport
  const statuses = yield* Statuses

  const resolved = yield* resolveDeliveries(
    recipients.map((user_id) => ({
      notification_id: NotificationId.make(`${issue}-${user_id}`),
      user_id,
      channel: "email" as const,
      category: "marketing" as const,
      unsubscribe: true
    }))
  )

  const report = (notification_id: NotificationId, status: object) =>
    statuses.publish("notification.status.email", { notification_id, channel: "email", provider: "ses", ...status })

  return yield* Effect.forEach(
    resolved,
    Effect.fnUntraced(function* (delivery) {
      const { decision, notification_id, user_id } = delivery
      const mail = mailOf(delivery, text)
      if (mail === undefined) return result(user_id, decision === "defer" ? "later" : "not wanted")
      return yield* transport.send(mail).pipe(
        Effect.andThen(report(notification_id, { status: "sent" })),
        Effect.as(result(user_id, "sent")),
        Effect.catchTag("MailBounced", ({ bounceType, reply }) =>
          Effect.as(
            report(notification_id, { status: "bounced", bounce_type: bounceType, error: reply }),
            result(user_id, "failed")
          )
        )
      )
    }),
    { concurrency: 10 }
  )
})

/** The e-mail of an allowed delivery. The service returns an address and the links with each one. */
const mailOf = ({ email, unsubscribe }: ResolvedDelivery, text: string): OutgoingMail | undefined =>
  email === null || unsubscribe === undefined
    ? undefined
    : {
        to: email,
        // As they are: the mail provider of the recipient sends its request for one click to exactly this URL.
        headers: unsubscribe.headers,
        text: `${text}\n\n--\nUnsubscribe: ${unsubscribe.url}\nAll preferences: ${unsubscribe.manage_url}\n`
      }

const result = (userId: UserId, outcome: SendResult["outcome"]): SendResult => ({ userId, outcome })
