import { Duration, Effect } from "effect"
import { BrokerUnavailable } from "./BrokerUnavailable.ts"
import * as Channels from "./Channels.ts"
import type { Link } from "./Link.ts"
import type { Outgoing } from "./Message.ts"
import * as Outlet from "./Outlet.ts"
import type { Connection } from "./RabbitMq.ts"
import * as Slot from "./Slot.ts"

export interface PublisherSettings {
  /** How long publishing waits for a broker that is away or blocked, before it fails: a second. */
  readonly patience?: Duration.Duration
  /** How long it waits for confirms, before it reports what is not confirmed: five seconds. */
  readonly confirmTimeout?: Duration.Duration
}

/** Publishes over a channel of the connection, opened again as often as it is lost. */
export const make = Effect.fnUntraced(function* (
  connection: Connection,
  declare: (link: Link) => Effect.Effect<void>,
  { confirmTimeout = Duration.seconds(5), patience = Duration.seconds(1) }: PublisherSettings
) {
  const slot = Slot.make<Outlet.Outlet>()

  yield* Effect.forkScoped(
    Channels.keepOpen(connection, {
      declare,
      open: (link) => link.openConfirmChannel,
      purpose: "publish",
      use: (opened, link) =>
        Effect.sync(() => {
          slot.put(Outlet.make(link, opened))
          // The moment it is gone, for nobody must publish to it any more.
          opened.onLoss(slot.empty)
        })
    })
  )

  const ready: Effect.Effect<Outlet.Outlet> = Effect.flatMap(slot.get, (outlet) =>
    outlet.isReady() ? Effect.succeed(outlet) : Effect.andThen(outlet.settled, ready)
  )
  const unavailable = Effect.suspend(() =>
    Effect.fail(new BrokerUnavailable({ reason: slot.current() === undefined ? "away" : "blocked" }))
  )
  const publishAll = (messages: ReadonlyArray<Outgoing>) =>
    ready.pipe(
      Effect.timeoutOrElse({ duration: patience, orElse: () => unavailable }),
      Effect.flatMap((outlet) => outlet.publishAll(messages, confirmTimeout))
    )
  return publishAll
})
