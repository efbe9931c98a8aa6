import { Effect, Result } from "effect"
import type { Broker } from "./Broker.ts"
import type { Link } from "./Link.ts"
import type { Outcome, OutgoingMessage } from "./Message.ts"
import * as Publisher from "./Publisher.ts"
import type { Connection } from "./RabbitMq.ts"
import type { Topology } from "./Topology.ts"

type PublishAll = Broker["Service"]["publishAll"]

/**
 * Publishes over several channels: one for each exchange with `ownChannel`, and one for all others. Messages on one channel are
 * published in order. If only some of the channels are available, the messages of the others are unconfirmed.
 */
export const make = Effect.fnUntraced(function* (
  connection: Connection,
  declare: (link: Link) => Effect.Effect<void>,
  { settings, topology }: { readonly settings: Publisher.PublisherSettings; readonly topology: Topology }
) {
  const shared = yield* Publisher.make(connection, declare, settings)
  const own = new Map<string, PublishAll>()
  for (const { name, ownChannel } of topology.exchanges) {
    if (ownChannel === true) own.set(name, yield* Publisher.make(connection, declare, settings))
  }
  const publisherOf = ({ exchange }: OutgoingMessage): PublishAll => own.get(exchange) ?? shared

  /** Publishes each group on its channel, and returns the outcomes in the order of the messages. */
  const publishGroups = Effect.fnUntraced(function* (
    messages: ReadonlyArray<OutgoingMessage>,
    groups: ReadonlyMap<PublishAll, ReadonlyArray<OutgoingMessage>>
  ) {
    const results = yield* Effect.forEach(
      groups,
      ([publishAll, group]) => Effect.map(Effect.result(publishAll(group)), (result) => ({ publishAll, result })),
      { concurrency: "unbounded" }
    )
    const failures = results.flatMap(({ result }) => (Result.isFailure(result) ? [result.failure] : []))
    const [failure] = failures
    if (failure !== undefined && failures.length === groups.size) return yield* failure
    const outcomes = new Map(
      results.map(({ publishAll, result }) => [publishAll, Result.getOrElse(result, () => none).values()])
    )
    return messages.map((message): Outcome => outcomes.get(publisherOf(message))?.next().value ?? "unconfirmed")
  })

  return (messages: ReadonlyArray<OutgoingMessage>) => {
    const groups = Map.groupBy(messages, publisherOf)
    const [only, ...others] = groups.keys()
    return only === undefined || others.length > 0 ? publishGroups(messages, groups) : only(messages)
  }
})

const none: ReadonlyArray<Outcome> = []
