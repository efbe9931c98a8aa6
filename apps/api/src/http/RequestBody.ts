import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect } from "effect"
import { HttpIncomingMessage, HttpServerError, type HttpServerRequest } from "effect/http"
import type { Readable } from "node:stream"

type Bytes = Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError>

/**
 * The request, with a body that is read as it comes where its length was told and is allowed, since Node lets no more than
 * that through. Any other is left to the library, which is ready for all there can be, at several times the cost.
 */
export const withPlainBody = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const message = NodeHttpServerRequest.toIncomingMessage(request)
  const { "content-encoding": encoding, "content-length": length, expect } = message.headers
  if (length === undefined || encoding !== undefined || expect !== undefined) return request
  const anyBody = request.arrayBuffer
  const plainBody = read(request, message)
  return Object.defineProperty(request, "arrayBuffer", {
    value: Effect.withFiber<ArrayBuffer, HttpServerError.HttpServerError>((fiber) => {
      const most = fiber.getRef(HttpIncomingMessage.MaxBodySize)
      return most === undefined || Number(length) <= most ? plainBody : anyBody
    })
  })
}

// Once; who asks again gets the same.
const read = (request: HttpServerRequest.HttpServerRequest, message: Readable): Bytes => {
  let outcome: Bytes | undefined
  const collect: Bytes = Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    const onData = (chunk: Buffer) => void chunks.push(chunk)
    const onEnd = () => settle(Effect.succeed(new Uint8Array(Buffer.concat(chunks)).buffer))
    const onLost = (cause?: unknown) => settle(Effect.fail(unreadable(request, cause)))
    const forget = () => {
      message.off("data", onData).off("end", onEnd).off("error", onLost).off("close", onLost)
    }
    const settle = (bytes: Bytes) => {
      forget()
      outcome = bytes
      resume(bytes)
    }
    // It is not told any more that the client went away before.
    if (message.destroyed) return onLost(message.errored)
    message.on("end", onEnd).on("error", onLost).on("close", onLost).on("data", onData)
    return Effect.sync(forget)
  })
  return Effect.suspend(() => outcome ?? collect)
}

const unreadable = (request: HttpServerRequest.HttpServerRequest, cause: unknown) =>
  new HttpServerError.HttpServerError({
    reason: new HttpServerError.RequestParseError({ request, reason: "Parse", cause })
  })
