import { type Channel, type ChannelModel, type ConfirmChannel, connect, credentials } from "amqplib"
import { Deferred, Effect, Latch, Predicate, Redacted, Schema, type Scope } from "effect"
import { Duplex } from "node:stream"
import { problemOf } from "./RabbitMqProblem.ts"
import { loginOf } from "./RabbitMqUrl.ts"

/** A connection or channel was lost or could not be opened. The reason is the broker's text, never the content of a message. */
export class LinkLost extends Schema.TaggedError<LinkLost>()("LinkLost", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** An AMQP channel, until either side closes it. */
export interface OpenChannel<C extends Channel> {
  readonly channel: C
  readonly isOpen: () => boolean
  /** Fails when the channel is lost. */
  readonly lost: Effect.Effect<never, LinkLost>
  /** Calls the listener synchronously when the channel is lost, or immediately if it is lost already. */
  readonly onLoss: (listener: () => void) => void
  /** Reports the channel as lost, so that a new one is opened. */
  readonly lose: (reason: string) => void
}

/** One AMQP connection, until either side closes it. `RabbitMq.Connection` is a series of these. */
export interface Link {
  readonly openChannel: Effect.Effect<OpenChannel<Channel>, LinkLost, Scope.Scope>
  readonly openConfirmChannel: Effect.Effect<OpenChannel<ConfirmChannel>, LinkLost, Scope.Scope>
  readonly isOpen: () => boolean
  /** Fails when the connection is lost. */
  readonly lost: Effect.Effect<never, LinkLost>
  /** Closed while the broker is short of memory or disk and reads nothing from this connection. */
  readonly unblocked: Latch.Latch
}

const connectMillis = 5000
const heartbeatSeconds = 10
// How long the other side has to close as well.
const closeTimeout = "500 millis"

/** Opens a connection for the scope. RabbitMQ's management tools show `purpose` in its name. */
export const open = (url: Redacted.Redacted, purpose: string): Effect.Effect<Link, LinkLost, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      attempt(
        () => dial(url, purpose).then(watch),
        ({ model }) => streamOf(model)?.destroy()
      ),
      ({ isOpen, model }) =>
        Effect.andThen(
          closeGracefully(isOpen, () => model.close()),
          destroySocket(model)
        ),
      { interruptible: true }
    ),
    ({ model, ...link }) => ({
      ...link,
      openChannel: openChannel(() => model.createChannel()),
      openConfirmChannel: openChannel(() => model.createConfirmChannel())
    })
  )

/** Runs a promise of amqplib and maps its errors to `LinkLost`. A result that arrives after an interruption goes to `discard`. */
export const attempt = <A>(run: () => Promise<A>, discard: (late: A) => void = () => {}): Effect.Effect<A, LinkLost> =>
  Effect.callback((resume, signal) => {
    const failed = (cause: unknown) => resume(Effect.fail(new LinkLost({ reason: problemOf(cause) })))
    const succeeded = (value: A) => (signal.aborted ? discard(value) : resume(Effect.succeed(value)))
    run().then(succeeded, failed)
  })

const dial = async (url: Redacted.Redacted, purpose: string): Promise<ChannelModel> => {
  const address = new URL(Redacted.value(url))
  const { password, user } = loginOf(address.href)
  if (!address.searchParams.has("heartbeat")) address.searchParams.set("heartbeat", String(heartbeatSeconds))
  return connect(address.href, {
    timeout: connectMillis,
    noDelay: true,
    keepAlive: true,
    // Amqplib would decode the credentials in the URL byte by byte instead of as UTF-8.
    credentials: credentials.plain(user, password),
    clientProperties: { connection_name: `user-service ${purpose}` }
  })
}

const watch = (model: ChannelModel) => {
  const gone = Deferred.makeUnsafe<never, LinkLost>()
  const unblocked = Latch.makeUnsafe(true)
  let reason = "closed"
  let open = true

  model
    .on("error", (error) => (reason = problemOf(error)))
    .on("close", (error) => {
      open = false
      lose(gone, error === undefined ? reason : problemOf(error))
    })
    .on("blocked", () => unblocked.closeUnsafe())
    .on("unblocked", () => unblocked.openUnsafe())
  return { model, isOpen: () => open, lost: Deferred.await(gone), unblocked }
}

// In a microtask, because waiting fibers resume immediately: all `close` listeners must have run by then.
const lose = (gone: Deferred.Deferred<never, LinkLost>, reason: string) =>
  queueMicrotask(() => Deferred.doneUnsafe(gone, Effect.fail(new LinkLost({ reason }))))

// The promise of amqplib never settles if the other side does not answer, and rejects if it closed first.
const closeGracefully = (isOpen: () => boolean, close: () => Promise<void>) =>
  Effect.suspend(() =>
    isOpen() ? Effect.ignore(Effect.timeoutOption(Effect.tryPromise(close), closeTimeout)) : Effect.void
  )

const streamOf = ({ connection }: ChannelModel): Duplex | undefined =>
  Predicate.hasProperty(connection, "stream") && connection.stream instanceof Duplex ? connection.stream : undefined

// Amqplib ends the socket but never destroys it, so one with unsent data and no peer would stay open.
const destroySocket = (model: ChannelModel) =>
  Effect.callback<void>((resume) => {
    const stream = streamOf(model)
    if (stream === undefined || stream.closed) return resume(Effect.void)
    stream.once("close", () => resume(Effect.void))
  }).pipe(Effect.timeoutOption(closeTimeout), Effect.ensuring(Effect.sync(() => streamOf(model)?.destroy())))

const openChannel = <C extends Channel>(
  create: () => Promise<C>
): Effect.Effect<OpenChannel<C>, LinkLost, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(
      () => create().then(watchChannel),
      // A channel that fails to close is closed as well.
      ({ channel }) => void channel.close().catch(() => {})
    ),
    ({ channel, isOpen }) => closeGracefully(isOpen, () => channel.close()),
    { interruptible: true }
  )

const watchChannel = <C extends Channel>(channel: C): OpenChannel<C> => {
  const gone = Deferred.makeUnsafe<never, LinkLost>()
  let reason = "closed"
  let open = true
  // Runs before amqplib's own listener, which reports each message as unconfirmed: a publisher that retries immediately must not
  // find this channel.
  const onLoss = (listener: () => void) => (open ? void channel.prependOnceListener("close", listener) : listener())

  channel.on("error", (error) => (reason = problemOf(error)))
  onLoss(() => {
    open = false
    lose(gone, reason)
  })
  // Every batch that waits for `drain` adds a listener.
  channel.setMaxListeners(0)
  return { channel, isOpen: () => open, lost: Deferred.await(gone), onLoss, lose: (why) => lose(gone, why) }
}
