import { maxCalls } from "@user-service/schema/rpc/UserServiceRpc"
import { Effect, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { RpcSerialization } from "effect/rpc"
import {
  type FromClientEncoded,
  type FromServerEncoded,
  type RequestEncoded,
  ResponseDefectEncoded
} from "effect/rpc/RpcMessage"

/** Makes a call, and tells in bytes how it ended. */
export type AnswerTo = (call: RequestEncoded) => Effect.Effect<unknown, never, HttpServerRequest.HttpServerRequest>

/** How the calls in a request are answered: all are made at once, and what they answer is one body. */
export const make = Effect.fnUntraced(function* (answerTo: AnswerTo) {
  const { codecFor, contentType, makeUnsafe } = yield* RpcSerialization.RpcSerialization
  const encodeDefect = Schema.encodeSync(codecFor(Schema.Defect()))

  const answered = (call: RequestEncoded) =>
    Effect.map(answerTo(call), (exit) => ({ _tag: "Exit", requestId: call.id, exit }))

  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
    const parser = makeUnsafe()
    const answers = yield* Effect.try({
      // The parser has checked that they are messages.
      try: () => callsOf(parser.decode(body) as ReadonlyArray<Message>),
      catch: (cause) => ResponseDefectEncoded(encodeDefect(cause))
    }).pipe(
      // One alone needs no fiber of its own.
      Effect.flatMap((calls) => Effect.forEach(calls, answered, { concurrency: calls.length === 1 ? 1 : "unbounded" })),
      Effect.catch((defect) => Effect.succeed([defect]))
    )
    return HttpServerResponse.uint8Array(bytesOf(parser.encode(answers)), { contentType })
  })
})

type Message = FromClientEncoded | FromServerEncoded

// Of what a client may say, calls that wait for their answer, and not so many that the answers do not fit in memory; each
// under an id of its own, by which its answer is known.
const callsOf = (messages: ReadonlyArray<Message>): ReadonlyArray<RequestEncoded> => {
  const calls = messages.filter((message) => message._tag === "Request")
  const ids = new Set(calls.map(({ id }) => id))
  if (messages.length === 0) throw new Error("There is no whole call in the body")
  if (calls.length < messages.length) throw new Error("Only calls can be made here")
  if (calls.some(({ discard, isNotification }) => discard === true || isNotification === true))
    throw new Error("A call has to wait for its answer here")
  if (calls.length > maxCalls) throw new Error(`At most ${maxCalls} calls can be made at once`)
  if (ids.size < calls.length) throw new Error("Each call needs an id of its own")
  return calls
}

const bytesOf = (encoded: Uint8Array | string | undefined): Uint8Array => {
  if (!(encoded instanceof Uint8Array)) throw new TypeError("The answers are not in the binary form")
  return encoded
}
