import { type LivePushToken, NotificationId, UserServiceClient, type UserId } from "@user-service/rpc-client"
import { Context, Effect, Schema } from "effect"

// A sender of pushes: it asks who may be reached and where, sends, and tells over AMQP what became of it. The user service
// then leaves out the tokens that are good no more.

/** A push service said no. */
export class PushRefused extends Schema.TaggedError<PushRefused>()("PushRefused", {
  /** As the push service calls it: `UNREGISTERED`, `INTERNAL`. */
  code: Schema.String
}) {}

/** The push service: Firebase, APNs or another. */
export class Transport extends Context.Service<
  Transport,
  { readonly send: (token: LivePushToken, text: string) => Effect.Effect<void, PushRefused> }
>()("@user-service/rpc-client/examples/sender/Transport") {}

/** The exchange that statuses are told to: `notification_status`, under `notification.status.push`. */
export class Statuses extends Context.Service<
  Statuses,
  { readonly publish: (routingKey: string, body: object) => Effect.Effect<void> }
>()("@user-service/rpc-client/examples/sender/Statuses") {}

/** What became of a push to somebody. */
export interface SendResult {
  readonly userId: UserId
  readonly outcome: "sent" | "failed" | "not wanted" | "later"
}

/** Sends the text to all who may be sent it now. The same notification may be sent again: nobody is charged twice. */
export const sendPush = Effect.fn("sendPush")(function* (
  notification: string,
  recipients: ReadonlyArray<UserId>,
  text: string
) {
  const { resolveDeliveries } = yield* UserServiceClient
  const transport = yield* Transport
  const statuses = yield* Statuses

  const resolved = yield* resolveDeliveries(
    recipients.map((user_id) => ({
      notification_id: NotificationId.make(`${notification}-${user_id}`),
      user_id,
      channel: "push" as const,
      category: "transactional" as const
    }))
  )

  const tell = (notification_id: NotificationId, push_token_id: string, status: object) =>
    statuses.publish("notification.status.push", { notification_id, channel: "push", push_token_id, ...status })

  return yield* Effect.forEach(
    resolved,
    Effect.fnUntraced(function* ({ decision, notification_id, push_tokens, user_id }) {
      if (decision !== "allow") return outcome(user_id, decision === "defer" ? "later" : "not wanted")
      const reached = yield* Effect.forEach(
        push_tokens,
        (token) =>
          transport.send(token, text).pipe(
            Effect.andThen(tell(notification_id, token.id, { status: "sent", provider: "fcm" })),
            Effect.as(true),
            Effect.catchTag("PushRefused", ({ code }) =>
              Effect.as(tell(notification_id, token.id, { status: "failed", error_code: code, provider: "fcm" }), false)
            )
          ),
        { concurrency: 10 }
      )
      return outcome(user_id, reached.includes(true) ? "sent" : "failed")
    }),
    { concurrency: 10 }
  )
})

const outcome = (userId: UserId, outcome: SendResult["outcome"]): SendResult => ({ userId, outcome })
