import { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Context, Effect, Latch, Layer, Metric, Random, Redacted, type Scope } from "effect"
import * as Link from "./Link.ts"
import { reconnections } from "./Metrics.ts"
import { nodesOf } from "./RabbitMqUrl.ts"
import * as Restart from "./Restart.ts"
import * as Slot from "./Slot.ts"

export interface RabbitMqSettings {
  /** One node, or several with commas between, of which each connection uses one that answers. */
  readonly url: Redacted.Redacted
}

/** A connection that is reopened whenever it is lost. */
export interface Connection {
  /** The open link, or undefined during an outage. */
  readonly current: () => Link.Link | undefined
  /** The open link. Waits for it during an outage. */
  readonly link: Effect.Effect<Link.Link>
}

/** Connections to one RabbitMQ or a cluster. */
export class Connections extends Context.Service<
  Connections,
  {
    /** For everything but publishing, so that it works while the broker blocks publishers. */
    readonly main: Connection
    /** Opens another connection for the scope. */
    readonly connect: (purpose: string) => Effect.Effect<Connection, never, Scope.Scope>
  }
>()("@user-service/broker/RabbitMq/Connections") {}

/** Health check of RabbitMQ. */
export class BrokerHealth extends Context.Service<
  BrokerHealth,
  {
    /** Opens and closes a channel. Fails with the reason, within a second. */
    readonly ping: Effect.Effect<void, EngineUnusable>
  }
>()("@user-service/broker/RabbitMq/BrokerHealth") {}

/**
 * RabbitMQ through amqplib. The layer also builds while RabbitMQ is unreachable, and connects when RabbitMQ is back. It logs
 * one warning when an outage begins and one line when it ends, however many connections are affected.
 */
export const layer = ({ url }: RabbitMqSettings): Layer.Layer<Connections | BrokerHealth> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const outage = makeOutage()
      yield* Metric.update(reconnections, 0)
      const connect = (purpose: string) => Effect.flatMap(openerOf(url, purpose), (open) => keepConnected(open, outage))
      const main = yield* connect("main")
      return Context.make(Connections, { main, connect }).pipe(
        Context.add(BrokerHealth, { ping: pingOver(main, outage) })
      )
    })
  )

// Each attempt tries the next node, so that a connection does not return to a node that answers nothing. The first one is chosen at
// random, so that the connections of all processes are on all nodes.
const openerOf = (url: Redacted.Redacted, purpose: string) => {
  const nodes = nodesOf(Redacted.value(url)).map((node) => Redacted.make(node))
  return Effect.map(Random.nextIntBetween(0, nodes.length), (first) => {
    let turn = first
    return Effect.suspend(() => Link.open(nodes[turn++ % nodes.length] ?? url, purpose))
  })
}

const firstAttemptTimeout = "2 seconds"

const keepConnected = Effect.fnUntraced(function* (
  open: Effect.Effect<Link.Link, Link.LinkLost, Scope.Scope>,
  outage: Outage
) {
  const slot = Slot.make<Link.Link>()
  const firstAttempt = Latch.makeUnsafe()
  let links = 0

  const run = Effect.gen(function* () {
    const link = yield* open
    slot.put(link)
    yield* firstAttempt.open
    yield* outage.end(slot)
    if (links++ > 0) yield* Metric.update(reconnections, 1)
    return yield* link.lost
  }).pipe(Effect.ensuring(Effect.sync(slot.empty)), Effect.scoped)
  yield* Effect.addFinalizer(() => Effect.sync(() => outage.forget(slot)))
  yield* Effect.forkScoped(
    Restart.restartOnFailure(run, ({ reason }) => Effect.andThen(firstAttempt.open, outage.begin(slot, reason)))
  )
  // Waits for the first attempt, successful or not, so that the users of the connection usually find it open.
  yield* Effect.timeoutOption(firstAttempt.await, firstAttemptTimeout)
  return { current: slot.current, link: slot.get } satisfies Connection
})

interface Outage {
  /** `connection` is any object that identifies the lost connection. */
  readonly begin: (connection: object, reason: string) => Effect.Effect<void>
  readonly end: (connection: object) => Effect.Effect<void>
  /** Removes a connection that is no longer needed. */
  readonly forget: (connection: object) => void
  /** Why the most recent attempt failed, or undefined outside an outage. */
  readonly reason: () => string | undefined
}

const makeOutage = (): Outage => {
  const lostConnections = new Set<object>()
  let lastReason: string | undefined
  return {
    begin: (connection, reason) =>
      Effect.suspend(() => {
        const isLogged = lostConnections.size > 0
        lostConnections.add(connection)
        lastReason = reason
        return isLogged
          ? Effect.void
          : Effect.annotateLogs(Effect.logWarning("RabbitMQ is out of reach"), { reason, variable: "RABBITMQ_URL" })
      }),
    end: (connection) =>
      Effect.suspend(() =>
        lostConnections.delete(connection) && lostConnections.size === 0
          ? Effect.logInfo("RabbitMQ is back")
          : Effect.void
      ),
    forget: (connection) => void lostConnections.delete(connection),
    reason: () => (lostConnections.size === 0 ? undefined : lastReason)
  }
}

const notConnected = Effect.fail(new Link.LinkLost({ reason: "not connected" }))

// Closing the channel may take another 500 ms.
const pingTimeout = "500 millis"

const pingOver = ({ current }: Connection, outage: Outage) =>
  Effect.suspend(() => current()?.openChannel ?? notConnected).pipe(
    Effect.scoped,
    Effect.timeout(pingTimeout),
    Effect.mapError(
      () =>
        new EngineUnusable({
          engine: "RabbitMQ",
          variable: "RABBITMQ_URL",
          problem: outage.reason() ?? "no answer in time"
        })
    ),
    Effect.asVoid
  )
