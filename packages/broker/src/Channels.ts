import type { Channel } from "amqplib"
import { Effect, type Scope } from "effect"
import type { Link, LinkLost, OpenChannel } from "./Link.ts"
import type { Connection } from "./RabbitMq.ts"
import * as Restart from "./Restart.ts"

/**
 * Keeps a channel open on the connection: declares the topology, opens the channel, runs `use`, and does so again whenever the
 * channel or the connection is lost. The scope of `use` closes with the channel.
 */
export const keepOpen = <C extends Channel>(
  connection: Connection,
  {
    declare,
    open,
    purpose,
    use
  }: {
    readonly declare: (link: Link) => Effect.Effect<void>
    readonly open: (link: Link) => Effect.Effect<OpenChannel<C>, LinkLost, Scope.Scope>
    readonly purpose: string
    readonly use: (opened: OpenChannel<C>, link: Link) => Effect.Effect<void, LinkLost, Scope.Scope>
  }
): Effect.Effect<never> => {
  const run = Effect.fnUntraced(function* (link: Link) {
    yield* declare(link)
    const opened = yield* open(link)
    yield* use(opened, link)
    return yield* opened.lost
  })
  // RabbitMq.layer logs the loss of a connection.
  const logLoss = ({ reason }: LinkLost) =>
    Effect.annotateLogs(Effect.logWarning("A channel was closed"), { purpose, reason })
  return Restart.restartOnFailure(
    Effect.flatMap(connection.link, (link) =>
      Effect.tapError(run(link), (lost) => (link.isOpen() ? logLoss(lost) : Effect.void))
    ).pipe(Effect.scoped),
    () => Effect.void
  )
}
