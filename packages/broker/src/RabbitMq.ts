import { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Context, Effect, Latch, Layer, Metric, type Redacted, type Scope } from "effect"
import * as Link from "./Link.ts"
import { reconnections } from "./Metrics.ts"
import * as Restart from "./Restart.ts"
import * as Slot from "./Slot.ts"

export interface RabbitMqSettings {
  readonly url: Redacted.Redacted
}

/** A connection that is made again as often as it is lost. */
export interface Connection {
  /** The link that stands, or nothing while there is none. */
  readonly current: () => Link.Link | undefined
  /** Waits until one stands. */
  readonly link: Effect.Effect<Link.Link>
}

/** Connections to one RabbitMQ. */
export class Connections extends Context.Service<
  Connections,
  {
    /** For everything that must go on while the broker blocks publishers. */
    readonly main: Connection
    /** A further one, for as long as the scope. */
    readonly connect: (purpose: string) => Effect.Effect<Connection, never, Scope.Scope>
  }
>()("@user-service/broker/RabbitMq/Connections") {}

/** What is known of RabbitMQ. */
export class BrokerHealth extends Context.Service<
  BrokerHealth,
  {
    /** A round trip, in a second at most; fails with the reason. */
    readonly ping: Effect.Effect<void, EngineUnusable>
  }
>()("@user-service/broker/RabbitMq/BrokerHealth") {}

/**
 * RabbitMQ through amqplib. Builds while RabbitMQ is out of reach, and finds it by itself when it comes. An outage is one
 * warning when it begins and one line when it is over, however many connections it cuts.
 */
export const layer = ({ url }: RabbitMqSettings): Layer.Layer<Connections | BrokerHealth> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const outage = makeOutage()
      const connect = (purpose: string) => hold(Link.open(url, purpose), outage)
      const main = yield* connect("main")
      return Context.make(Connections, { main, connect }).pipe(
        Context.add(BrokerHealth, { ping: pingOver(main, outage) })
      )
    })
  )

const firstAttempt = "2 seconds"

const hold = Effect.fnUntraced(function* (open: Effect.Effect<Link.Link, Link.Lost, Scope.Scope>, outage: Outage) {
  const slot = Slot.make<Link.Link>()
  const tried = Latch.makeUnsafe()
  let links = 0

  const run = Effect.gen(function* () {
    const link = yield* open
    slot.put(link)
    yield* tried.open
    yield* outage.end(slot)
    if (links++ > 0) yield* Metric.update(reconnections, 1)
    return yield* link.lost
  }).pipe(Effect.ensuring(Effect.sync(slot.empty)), Effect.scoped)
  yield* Effect.addFinalizer(() => Effect.sync(() => outage.forget(slot)))
  yield* Effect.forkScoped(Restart.forever(run, ({ reason }) => Effect.andThen(tried.open, outage.begin(slot, reason))))
  // Whichever way it ends: what is made of the connection would else begin by finding none.
  yield* Effect.timeoutOption(tried.await, firstAttempt)
  return { current: slot.current, link: slot.get } satisfies Connection
})

interface Outage {
  /** Of the connection that is known by `of`. */
  readonly begin: (of: object, reason: string) => Effect.Effect<void>
  readonly end: (of: object) => Effect.Effect<void>
  /** It is wanted no more. */
  readonly forget: (of: object) => void
  /** Why the last connection failed, while one is away. */
  readonly reason: () => string | undefined
}

const makeOutage = (): Outage => {
  const away = new Set<object>()
  let last: string | undefined
  return {
    begin: (of, reason) =>
      Effect.suspend(() => {
        const known = away.size > 0
        away.add(of)
        last = reason
        return known
          ? Effect.void
          : Effect.annotateLogs(Effect.logWarning("RabbitMQ is out of reach"), { reason, variable: "RABBITMQ_URL" })
      }),
    end: (of) =>
      Effect.suspend(() => (away.delete(of) && away.size === 0 ? Effect.logInfo("RabbitMQ is back") : Effect.void)),
    forget: (of) => void away.delete(of),
    reason: () => (away.size === 0 ? undefined : last)
  }
}

const notConnected = Effect.fail(new Link.Lost({ reason: "not connected" }))

// With what closing the channel may take, a second.
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
