import { type ChannelModel, connect, type ConsumeMessage } from "amqplib"
import { Cause, Config, Console, Duration, Effect, Exit, Queue, Schedule, Schema } from "effect"
import process from "node:process"

// A consumer of user events (decision 0049) that keeps the order of each user's events while several processes share the work. The
// queues are those of infra/rabbitmq/ordered-consumption.json. Each process subscribes to all of them, and RabbitMQ delivers each queue
// to the process that subscribed first.

/** RabbitMQ cannot be reached, the connection was lost, or the queue was deleted. */
export class SubscriptionEnded extends Schema.TaggedError<SubscriptionEnded>()("SubscriptionEnded", {
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** The body of an event, see the AsyncAPI document. Ignore fields and values of `event_type` that you do not know. */
const EventBody = Schema.StructWithRest(
  Schema.Struct({ event_type: Schema.String, user_id: Schema.optionalKey(Schema.String) }),
  [Schema.Record(Schema.String, Schema.Json)]
)

/** An event as it was received. */
export interface ReceivedEvent {
  /** The same when the event is delivered again. Store it in the transaction of the effect, and skip an event whose id is stored. */
  readonly id: string
  /** Always the same for a user. */
  readonly queue: string
  readonly body: typeof EventBody.Type
}

/** Handles an event. If it fails, its subscription ends, and RabbitMQ delivers the event again, before later ones. */
export type Handle<E> = (event: ReceivedEvent) => Effect.Effect<void, E>

const decodeBody = Schema.decodeUnknownEffect(Schema.fromJsonString(EventBody))

// How many messages of a queue may wait in this process. All of them are delivered again if it ends.
const prefetch = 20

const attempt = <A>(run: () => PromiseLike<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new SubscriptionEnded({ cause }) })

/** Handles the messages of a queue one after the other, and acknowledges each one when `handle` has completed. */
const consumeQueue = Effect.fnUntraced(function* <E>(connection: ChannelModel, queue: string, handle: Handle<E>) {
  const channel = yield* attempt(() => connection.createChannel())
  // The event `close` follows, which ends the subscription.
  channel.on("error", () => undefined)
  yield* attempt(() => channel.prefetch(prefetch))
  const messages = yield* Queue.unbounded<ConsumeMessage>()

  const ended = Effect.callback<never, SubscriptionEnded>((resume) => {
    const end = () => resume(Effect.fail(new SubscriptionEnded()))
    channel.once("close", end)
    // Null says that RabbitMQ has cancelled the subscription.
    const onMessage = (message: ConsumeMessage | null) =>
      message === null ? end() : Queue.offerUnsafe(messages, message)
    channel.consume(queue, onMessage).catch(end)
  })
  const handleNext = Effect.gen(function* () {
    const message = yield* Queue.take(messages)
    const body = yield* Effect.orDie(decodeBody(message.content.toString()))
    yield* handle({ id: String(message.properties.messageId), queue, body })
    channel.ack(message)
  })
  return yield* Effect.raceFirst(Effect.forever(handleNext), ended)
})

// So that processes that start together are each the first at the first of their queues, and wait at the others in case one ends.
const standbyDelay = Duration.seconds(5)

/**
 * Consumes the queues over one connection until one of the subscriptions ends or an event cannot be handled. It subscribes to the first
 * queue at once, and to the others a few seconds later: start each process with another first queue.
 */
export const consume = <E>(url: string, queues: ReadonlyArray<string>, handle: Handle<E>) =>
  Effect.gen(function* () {
    const connection = yield* Effect.acquireRelease(
      attempt(() => connect(url)),
      // Unacknowledged messages return to the head of their queue, in order. The connection may be lost already.
      (opened) => Effect.ignore(attempt(() => opened.close()))
    )
    connection.on("error", () => undefined)
    return yield* Effect.forEach(
      queues,
      (queue, index) =>
        Effect.delay(consumeQueue(connection, queue, handle), index === 0 ? Duration.zero : standbyDelay),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(Effect.scoped)

// node event-consumer.ts user_events.by_user.1 user_events.by_user.2 user_events.by_user.3 user_events.by_user.4
// node event-consumer.ts user_events.by_user.2 user_events.by_user.3 user_events.by_user.4 user_events.by_user.1
// ...
if (import.meta.main) {
  const program = Effect.gen(function* () {
    const url = yield* Config.String("RABBITMQ_URL")
    // A real handler writes to a database and stores the id in the same transaction.
    const print = (event: ReceivedEvent) => Console.log(JSON.stringify(event))
    yield* consume(url, process.argv.slice(2), print).pipe(
      Effect.retry({
        while: (error) => error._tag === "SubscriptionEnded",
        schedule: Schedule.spaced("1 second")
      })
    )
  })
  const stop = new AbortController()
  process.once("SIGTERM", () => stop.abort())
  const exit = await Effect.runPromiseExit(program, { signal: stop.signal })
  if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
    process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
    process.exitCode = 1
  }
}
