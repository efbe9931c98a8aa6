import type { Channel } from "amqplib"
import { Duration, Effect } from "effect"
import * as Link from "./Link.ts"
import type { Exchange, Queue, Topology } from "./Topology.ts"

/**
 * Declares what a topology asks for, where it is not there. Never fails: what cannot be declared, since it is there in another
 * form or the user may not, is logged when that becomes so, and what is there is used as it is.
 */
export const make = ({ exchanges, queues }: Topology) => {
  let known = ""

  const report = (link: Link.Link, problems: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      // A link that is lost is told where it is held.
      const reason = link.isOpen() ? problems.join("; ") : known
      if (reason === known) return Effect.void
      known = reason
      if (reason === "") return Effect.logInfo("All queues and exchanges are declared")
      return Effect.annotateLogs(Effect.logError("Cannot declare all queues and exchanges"), { reason })
    })
  // Each over a channel of its own, which the broker closes over what it refuses.
  const declare = (link: Link.Link, declaration: (channel: Channel) => Promise<unknown>) =>
    link.openChannel.pipe(
      Effect.flatMap(({ channel }) => Link.attempt(() => declaration(channel))),
      Effect.scoped,
      Effect.match({ onFailure: ({ reason }) => [reason], onSuccess: () => [] })
    )
  const declarations = [...exchanges.map(declareExchange), ...queues.map(declareQueue)]

  return (link: Link.Link): Effect.Effect<void> =>
    Effect.forEach(declarations, (declaration) => declare(link, declaration)).pipe(
      Effect.flatMap((problems) => report(link, problems.flat()))
    )
}

const declareExchange =
  ({ name, type }: Exchange) =>
  (channel: Channel) =>
    channel.assertExchange(name, type, { durable: true })

const declareQueue =
  ({ bindings, deadLetterExchange, deliveryLimit, messageTtl, name }: Queue) =>
  async (channel: Channel) => {
    // The overflow and strategy that make dead-lettering wait for confirms of its own: no dead letter is lost on its way.
    const deadLettering =
      deadLetterExchange === undefined
        ? {}
        : {
            "x-dead-letter-exchange": deadLetterExchange,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish"
          }
    const expiry = messageTtl === undefined ? {} : { "x-message-ttl": Duration.toMillis(messageTtl) }
    await channel.assertQueue(name, {
      durable: true,
      arguments: { "x-queue-type": "quorum", "x-delivery-limit": deliveryLimit, ...expiry, ...deadLettering }
    })
    for (const { exchange, pattern } of bindings) await channel.bindQueue(name, exchange, pattern)
  }
