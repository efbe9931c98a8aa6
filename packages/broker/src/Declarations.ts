import type { Channel } from "amqplib"
import { Duration, Effect } from "effect"
import * as Link from "./Link.ts"
import type { Exchange, Queue, Topology } from "./Topology.ts"

/**
 * Declares the missing exchanges, queues and bindings of a topology. Never fails: an exchange or queue that exists with other
 * arguments, or that the user may not declare, is used as it is. The problem is logged when it appears.
 */
export const make = ({ exchanges, queues }: Topology) => {
  let lastReason = ""

  const report = (link: Link.Link, problems: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      // RabbitMq.layer logs the loss of a connection.
      const reason = link.isOpen() ? problems.join("; ") : lastReason
      if (reason === lastReason) return Effect.void
      lastReason = reason
      if (reason === "") return Effect.logInfo("All queues and exchanges are declared")
      return Effect.annotateLogs(Effect.logError("Cannot declare all queues and exchanges"), { reason })
    })
  // Each on a separate channel, because the broker closes the channel of a declaration that it refuses.
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
    // At-least-once dead-lettering, which needs the overflow policy: RabbitMQ keeps a message until its dead letter is confirmed.
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
