import { Duration, Effect } from "effect"
import type { Broker } from "./Broker.ts"
import * as Consumer from "./Consumer.ts"
import * as Declarations from "./Declarations.ts"
import type * as Publisher from "./Publisher.ts"
import * as Publishers from "./Publishers.ts"
import { Connections } from "./RabbitMq.ts"
import type { Topology } from "./Topology.ts"

export interface RabbitMqBrokerSettings extends Publisher.PublisherSettings {
  /** Declared whenever a channel is opened. */
  readonly topology: Topology
  /**
   * How often the topology is declared in addition, to restore deleted queues and exchanges whose loss closes none of the
   * channels. 30 seconds when absent.
   */
  readonly declareInterval?: Duration.Duration
}

export const make = Effect.fnUntraced(function* (settings: RabbitMqBrokerSettings) {
  const { connect, main } = yield* Connections
  const { declareInterval = Duration.seconds(30), topology } = settings
  const declare = Declarations.make(topology)

  const publishAll = yield* Publishers.make(yield* connect("publishing"), declare, { settings, topology })
  const declareAgain = Effect.andThen(Effect.sleep(declareInterval), Effect.flatMap(main.link, declare))
  yield* Effect.forkScoped(Effect.forever(declareAgain))
  return { publishAll, consume: Consumer.make(main, declare) } satisfies Broker["Service"]
})
