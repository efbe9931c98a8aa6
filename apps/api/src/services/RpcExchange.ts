import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Deferred, Effect, Exit, Queue, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { constEof, type FromClientEncoded, type FromServerEncoded, ResponseDefectEncoded } from "effect/rpc/RpcMessage"

/** A request whose calls are being made. */
interface Exchange {
  readonly answers: Array<FromServerEncoded>
  readonly isOver: Deferred.Deferred<void>
}

/**
 * How calls come over HTTP, and the answer to a request: its calls are made, and what they answer is one body. For procedures
 * that answer once; the library's own takes endless answers too, which wait in a queue for another turn of the event loop.
 */
export const make = Effect.gen(function* () {
  const { codecFor, contentType, makeUnsafe } = yield* RpcSerialization.RpcSerialization
  const encodeDefect = Schema.encodeSync(codecFor(Schema.Defect()))
  const exchanges = new Map<number, Exchange>()
  const disconnects = yield* Queue.unbounded<number>()
  let receive: (id: number, message: FromClientEncoded) => Effect.Effect<void> = () => Effect.void
  let lastId = 0

  const protocol = yield* RpcServer.Protocol.make((write) => {
    receive = write
    return Effect.succeed({
      disconnects,
      send: (id, answer) => Effect.sync(() => void exchanges.get(id)?.answers.push(answer)),
      end: (id) =>
        Effect.sync(() => {
          const exchange = exchanges.get(id)
          if (exchange !== undefined) Deferred.doneUnsafe(exchange.isOver, Effect.void)
        }),
      clientIds: Effect.sync(() => new Set(exchanges.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: false,
      supportsTransferables: false,
      supportsSpanPropagation: false,
      supportsNotifications: true,
      codecFor
    })
  })

  // Whoever goes away takes their calls with them.
  const carryOut = Effect.fnUntraced(function* (messages: ReadonlyArray<FromClientEncoded>, exchange: Exchange) {
    const id = ++lastId
    exchanges.set(id, exchange)
    yield* Effect.gen(function* () {
      for (const message of messages) yield* receive(id, message)
      yield* receive(id, constEof)
      yield* Deferred.await(exchange.isOver)
    }).pipe(
      Effect.onExit((exit) => {
        exchanges.delete(id)
        return Exit.isSuccess(exit) ? Effect.void : Queue.offer(disconnects, id)
      })
    )
  })

  const answer = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
    const key = request.headers[apiKeyHeader]
    const keyHeaders: ReadonlyArray<[string, string]> = key === undefined ? [] : [[apiKeyHeader, key]]
    const parser = makeUnsafe()
    const exchange: Exchange = { answers: [], isOver: Deferred.makeUnsafe() }
    yield* Effect.try({
      // The parser has checked that they are messages.
      try: () => parser.decode(body) as ReadonlyArray<FromClientEncoded>,
      catch: (cause) => ResponseDefectEncoded(encodeDefect(cause))
    }).pipe(
      Effect.map((messages) =>
        messages.map((message) =>
          message._tag === "Request" ? { ...message, headers: [...keyHeaders, ...message.headers] } : message
        )
      ),
      Effect.flatMap((messages) => carryOut(messages, exchange)),
      Effect.catch((defect) => Effect.sync(() => void exchange.answers.push(defect)))
    )
    const encoded = parser.encode(exchange.answers)
    // There is none of no answers: nobody waits for one to a notification.
    const bytes = encoded instanceof Uint8Array ? encoded : new Uint8Array()
    return HttpServerResponse.uint8Array(bytes, { contentType })
  })

  return { protocol, answer }
})
