import { type Channel, type ChannelModel, type ConfirmChannel, connect, credentials } from "amqplib"
import { Deferred, Effect, Latch, Predicate, Redacted, Schema, type Scope } from "effect"
import { Duplex } from "node:stream"
import { problemOf } from "./RabbitMqProblem.ts"
import { loginOf } from "./RabbitMqUrl.ts"

/** A connection or channel is gone, or would not open. Says why in the broker's words, never what was sent. */
export class Lost extends Schema.TaggedError<Lost>()("Lost", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** A channel until it is closed, by whichever side. */
export interface OpenChannel<C extends Channel> {
  readonly channel: C
  readonly isOpen: () => boolean
  /** Fails when it is gone. */
  readonly lost: Effect.Effect<never, Lost>
  /** Calls back the moment it is gone. */
  readonly onLoss: (listener: () => void) => void
  /** Gives it up. */
  readonly lose: (reason: string) => void
}

/** One connection to RabbitMQ until it is closed, by whichever side. */
export interface Link {
  readonly openChannel: Effect.Effect<OpenChannel<Channel>, Lost, Scope.Scope>
  readonly openConfirmChannel: Effect.Effect<OpenChannel<ConfirmChannel>, Lost, Scope.Scope>
  readonly isOpen: () => boolean
  /** Fails when it is gone. */
  readonly lost: Effect.Effect<never, Lost>
  /** Shut while the broker reads nothing from this connection, short of memory or disk. */
  readonly unblocked: Latch.Latch
}

const connectMillis = 5000
const heartbeatSeconds = 10
// For the other side to close as well.
const goodbye = "500 millis"

/** Opens a link for as long as the scope. `purpose` is how the broker's own tools name it. */
export const open = (url: Redacted.Redacted, purpose: string): Effect.Effect<Link, Lost, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      attempt(
        () => dial(url, purpose).then(watch),
        ({ model }) => streamOf(model)?.destroy()
      ),
      ({ isOpen, model }) =>
        Effect.andThen(
          politely(isOpen, () => model.close()),
          hangUp(model)
        ),
      { interruptible: true }
    ),
    ({ model, ...link }) => ({
      ...link,
      openChannel: openChannel(() => model.createChannel()),
      openConfirmChannel: openChannel(() => model.createConfirmChannel())
    })
  )

/** Turns what amqplib throws into what the engine knows. What comes when nobody wants it any more is discarded. */
export const attempt = <A>(run: () => Promise<A>, discard: (late: A) => void = () => {}): Effect.Effect<A, Lost> =>
  Effect.callback((resume, signal) => {
    const failed = (cause: unknown) => resume(Effect.fail(new Lost({ reason: problemOf(cause) })))
    const came = (value: A) => (signal.aborted ? discard(value) : resume(Effect.succeed(value)))
    run().then(came, failed)
  })

const dial = async (url: Redacted.Redacted, purpose: string): Promise<ChannelModel> => {
  const address = new URL(Redacted.value(url))
  const { password, user } = loginOf(address.href)
  if (!address.searchParams.has("heartbeat")) address.searchParams.set("heartbeat", String(heartbeatSeconds))
  return connect(address.href, {
    timeout: connectMillis,
    noDelay: true,
    keepAlive: true,
    // Amqplib would decode those of the URL byte by byte, and not as UTF-8.
    credentials: credentials.plain(user, password),
    clientProperties: { connection_name: `user-service ${purpose}` }
  })
}

const watch = (model: ChannelModel) => {
  const gone = Deferred.makeUnsafe<never, Lost>()
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

// Later, as whoever waits for it goes on at once: by then all listeners know.
const lose = (gone: Deferred.Deferred<never, Lost>, reason: string) =>
  queueMicrotask(() => Deferred.doneUnsafe(gone, Effect.fail(new Lost({ reason }))))

// Where the other side is silent, amqplib's own promises never settle, and where it closed first, they fail.
const politely = (isOpen: () => boolean, close: () => Promise<void>) =>
  Effect.suspend(() =>
    isOpen() ? Effect.ignore(Effect.timeoutOption(Effect.tryPromise(close), goodbye)) : Effect.void
  )

const streamOf = ({ connection }: ChannelModel): Duplex | undefined =>
  Predicate.hasProperty(connection, "stream") && connection.stream instanceof Duplex ? connection.stream : undefined

// A socket whose other end is gone stays for as long as it has something to say: amqplib ends it, but never destroys it.
const hangUp = (model: ChannelModel) =>
  Effect.callback<void>((resume) => {
    const stream = streamOf(model)
    if (stream === undefined || stream.closed) return resume(Effect.void)
    stream.once("close", () => resume(Effect.void))
  }).pipe(Effect.timeoutOption(goodbye), Effect.ensuring(Effect.sync(() => streamOf(model)?.destroy())))

const openChannel = <C extends Channel>(create: () => Promise<C>): Effect.Effect<OpenChannel<C>, Lost, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(
      () => create().then(watchChannel),
      // It may fail, and then is closed as well.
      ({ channel }) => void channel.close().catch(() => {})
    ),
    ({ channel, isOpen }) => politely(isOpen, () => channel.close()),
    { interruptible: true }
  )

const watchChannel = <C extends Channel>(channel: C): OpenChannel<C> => {
  const gone = Deferred.makeUnsafe<never, Lost>()
  let reason = "closed"
  let open = true
  // Ahead of amqplib's own listener, which tells of each message that it will not be confirmed: who hears that and publishes
  // again at once must not find this channel.
  const onLoss = (listener: () => void) => (open ? void channel.prependOnceListener("close", listener) : listener())

  channel.on("error", (error) => (reason = problemOf(error)))
  onLoss(() => {
    open = false
    lose(gone, reason)
  })
  // One for each batch that waits to be written.
  channel.setMaxListeners(0)
  return { channel, isOpen: () => open, lost: Deferred.await(gone), onLoss, lose: (why) => lose(gone, why) }
}
