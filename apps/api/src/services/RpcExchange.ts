import { Effect, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { RpcSerialization } from "effect/rpc"
import { type RequestEncoded, ResponseDefectEncoded } from "effect/rpc/RpcMessage"

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
      // The parser has checked that they are calls.
      try: () => parser.decode(body) as ReadonlyArray<RequestEncoded>,
      catch: (cause) => ResponseDefectEncoded(encodeDefect(cause))
    }).pipe(
      // One alone needs no fiber of its own.
      Effect.flatMap((calls) => Effect.forEach(calls, answered, { concurrency: calls.length === 1 ? 1 : "unbounded" })),
      Effect.catch((defect) => Effect.succeed([defect]))
    )
    return HttpServerResponse.uint8Array(bytesOf(parser.encode(answers)), { contentType })
  })
})

const bytesOf = (encoded: Uint8Array | string | undefined): Uint8Array => {
  if (!(encoded instanceof Uint8Array)) throw new TypeError("The answers are not in the binary form")
  return encoded
}
