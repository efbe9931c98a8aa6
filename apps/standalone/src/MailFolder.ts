import { Broker } from "@user-service/broker/Broker"
import type { Outcome, OutgoingMessage } from "@user-service/broker/Message"
import { userMail } from "@user-service/broker/Topology"
import { DateTime, Effect, FileSystem, Layer, Option, type PlatformError, Schema } from "effect"

/**
 * The broker, with a folder in place of the Email service: each mail is confirmed when it is written to a file of its own, which
 * only this user may read. For development on the embedded broker, to which no Email service can connect.
 */
export const layer = <E, R>(
  folder: string,
  broker: Layer.Layer<Broker, E, R>
): Layer.Layer<Broker, E, R | FileSystem.FileSystem> =>
  Layer.effect(
    Broker,
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const { consume, publishAll } = yield* Broker
      const write = writeTo(files, folder)

      const publish = Effect.fnUntraced(function* (messages: ReadonlyArray<OutgoingMessage>) {
        const outcomes = yield* publishAll(messages.filter((message) => !isMail(message)))
        let next = 0
        return yield* Effect.forEach(messages, (message) =>
          isMail(message) ? write(message) : Effect.succeed(outcomes[next++] ?? "unconfirmed")
        )
      })
      return { consume, publishAll: publish }
    })
  ).pipe(Layer.provide(broker))

const isMail = ({ exchange }: OutgoingMessage): boolean => exchange === userMail.name

const decodeBody = Schema.decodeEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
const decoder = new TextDecoder()

const writeTo = (files: FileSystem.FileSystem, folder: string) => {
  const put = Effect.fnUntraced(function* (message: OutgoingMessage) {
    const { routingKey: type } = message
    const path = `${folder}/${yield* fileName(message)}`
    const body = yield* Effect.orDie(decodeBody(decoder.decode(message.body)))
    yield* files.makeDirectory(folder, { recursive: true, mode: 0o700 })
    // Renamed when it is complete, so that nobody reads half a file. A mail that is published again replaces its file.
    yield* files.writeFileString(`${path}.part`, `${JSON.stringify({ type, ...body }, undefined, 2)}\n`, {
      mode: 0o600
    })
    yield* files.rename(`${path}.part`, path)
    yield* Effect.logInfo("Wrote a mail to a file", { type, path })
  })
  return (message: OutgoingMessage): Effect.Effect<Outcome> =>
    put(message).pipe(Effect.as<Outcome>("confirmed"), Effect.catch(refuse))
}

// The outbox tries it again.
const refuse = ({ message: reason }: PlatformError.PlatformError): Effect.Effect<Outcome> =>
  Effect.as(Effect.annotateLogs(Effect.logWarning("A mail was not written to a file"), { reason }), "refused")

/** Sorts by time, to the second, and tells the type. Without colons, which Windows does not allow. */
const fileName = ({ messageId = "", routingKey, timestamp }: OutgoingMessage) =>
  Effect.map(
    Option.match(Option.fromNullishOr(timestamp), { onNone: () => DateTime.now, onSome: Effect.succeed }),
    (at) =>
      [
        DateTime.formatIso(at)
          .replace(/\.\d+Z$/, "Z")
          .replaceAll(":", "-"),
        routingKey,
        `${messageId}.json`
      ].join("-")
  )
