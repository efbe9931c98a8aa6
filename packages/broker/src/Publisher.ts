import { Duration, Effect } from "effect"
import { BrokerUnavailable } from "./BrokerUnavailable.ts"
import * as Channels from "./Channels.ts"
import type { Link } from "./Link.ts"
import type { OutgoingMessage } from "./Message.ts"
import * as PublishChannel from "./PublishChannel.ts"
import type { Connection } from "./RabbitMq.ts"
import * as Slot from "./Slot.ts"

export interface PublisherSettings {
  /** How long publishing waits for an unreachable or blocked broker before it fails. One second when absent. */
  readonly readyTimeout?: Duration.Duration
  /** How long publishing waits for confirms before it reports messages as unconfirmed. Five seconds when absent. */
  readonly confirmTimeout?: Duration.Duration
}

/** Publishes over a channel that is reopened whenever it is lost. */
export const make = Effect.fnUntraced(function* (
  connection: Connection,
  declare: (link: Link) => Effect.Effect<void>,
  { confirmTimeout = Duration.seconds(5), readyTimeout = Duration.seconds(1) }: PublisherSettings
) {
  const slot = Slot.make<PublishChannel.PublishChannel>()

  yield* Effect.forkScoped(
    Channels.keepOpen(connection, {
      declare,
      open: (link) => link.openConfirmChannel,
      purpose: "publish",
      use: (opened, link) =>
        Effect.sync(() => {
          slot.put(PublishChannel.make(link, opened))
          // Synchronously, so that no message is published to a lost channel.
          opened.onLoss(slot.empty)
        })
    })
  )

  const ready: Effect.Effect<PublishChannel.PublishChannel> = Effect.flatMap(slot.get, (publishChannel) =>
    publishChannel.isReady() ? Effect.succeed(publishChannel) : Effect.andThen(publishChannel.readyOrLost, ready)
  )
  const unavailable = Effect.suspend(() =>
    Effect.fail(new BrokerUnavailable({ reason: slot.current() === undefined ? "away" : "blocked" }))
  )
  const publishAll = (messages: ReadonlyArray<OutgoingMessage>) =>
    ready.pipe(
      Effect.timeoutOrElse({ duration: readyTimeout, orElse: () => unavailable }),
      Effect.flatMap((publishChannel) => publishChannel.publishAll(messages, confirmTimeout))
    )
  return publishAll
})
