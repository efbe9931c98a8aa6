import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { HttpIncomingMessage, HttpServerError, type HttpServerRequest } from "effect/http"
import type { Readable } from "node:stream"

type Read<A> = Effect.Effect<A, HttpServerError.HttpServerError>

/** The body is compressed or in another charset than UTF-8: a request header says so. */
export class UnsupportedBodyEncoding extends Schema.TaggedError<UnsupportedBodyEncoding>()("UnsupportedBodyEncoding", {
  header: Schema.Literals(["content-type", "content-encoding"])
}) {
  override get message() {
    return this.header === "content-type"
      ? "The charset of the request body must be utf-8"
      : "The request body must not have a Content-Encoding"
  }
}

/** The bytes of the body are not UTF-8, which JSON is (RFC 8259, section 8.1). */
export class BodyNotUtf8 extends Schema.TaggedError<BodyNotUtf8>()("BodyNotUtf8", {}) {
  override get message() {
    return "The request body is not valid UTF-8"
  }
}

/**
 * The request with a body that is refused where it is not UTF-8, since a decoder that replaces wrong bytes would make
 * different passwords equal. Fails with {@link UnsupportedBodyEncoding} or {@link BodyNotUtf8} as the cause, once the body
 * is read, so after the credentials were judged.
 *
 * A body with a Content-Length that is allowed is read as it comes, since Node lets no more than that through. Any other is
 * read by the library, which handles chunks and expectations, at several times the cost.
 */
export const withCheckedBody = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const message = NodeHttpServerRequest.toIncomingMessage(request)
  const { "content-length": length, expect, "transfer-encoding": transferCoding } = message.headers
  // No body (RFC 9112, section 6.3).
  if (length === undefined && transferCoding === undefined) return request
  // A reader that is interrupted stops listening, maybe after Node has seen that it listens and before Node emits the error:
  // without another listener that ends the process.
  message.on("error", ignore)
  const anyBody = Effect.map(request.arrayBuffer, (body) => new Uint8Array(body))
  const sizedBody = length === undefined || expect !== undefined ? undefined : read(request, message)
  const bytes = Effect.withFiber<Uint8Array, HttpServerError.HttpServerError>((fiber) => {
    if (!isIdentity(message.headers["content-encoding"])) return unsupported(request, "content-encoding")
    const most = fiber.getRef(HttpIncomingMessage.MaxBodySize)
    return sizedBody !== undefined && (most === undefined || Number(length) <= most) ? sizedBody : anyBody
  })
  return Object.defineProperties(request, {
    arrayBuffer: { value: Effect.map(bytes, (body) => new Uint8Array(body).buffer) },
    text: {
      value: Effect.suspend(() =>
        isUtf8Charset(message.headers["content-type"])
          ? Effect.flatMap(bytes, (body) => decode(request, body))
          : unsupported(request, "content-type")
      )
    }
  })
}

const ignore = (): void => undefined

const isIdentity = (contentEncoding: string | undefined): boolean =>
  contentEncoding === undefined ||
  contentEncoding.split(",").every((coding) => ["", "identity"].includes(coding.trim().toLowerCase()))

const charsets = /;\s*charset\s*=\s*(?:"([^"]*)"|([^;]*))/gi

// `utf8` is another label of the same encoding (Encoding Standard, section 4.2). Of two that differ one is wrong.
const isUtf8Charset = (contentType: string | undefined): boolean =>
  contentType === undefined ||
  !contentType.includes(";") ||
  [...contentType.matchAll(charsets)].every(([, quoted, token]) => /^utf-?8$/i.test((quoted ?? token ?? "").trim()))

// A byte order mark is passed over, as RFC 8259, section 8.1 allows.
const utf8 = new TextDecoder("utf-8", { fatal: true })

const decode = (request: HttpServerRequest.HttpServerRequest, body: Uint8Array): Read<string> =>
  Effect.try({ try: () => utf8.decode(body), catch: () => unreadable(request, new BodyNotUtf8()) })

// Once; a second reader gets the same.
const read = (request: HttpServerRequest.HttpServerRequest, message: Readable): Read<Uint8Array> => {
  let outcome: Read<Uint8Array> | undefined
  const collect: Read<Uint8Array> = Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    const onData = (chunk: Buffer) => void chunks.push(chunk)
    const onEnd = () => settle(Effect.succeed(joined(chunks)))
    const onLost = (cause?: unknown) => settle(Effect.fail(unreadable(request, cause)))
    const forget = () => {
      message.off("data", onData).off("end", onEnd).off("error", onLost).off("close", onLost)
    }
    const settle = (bytes: Read<Uint8Array>) => {
      forget()
      outcome = bytes
      resume(bytes)
    }
    // Node does not report again that the client went away before.
    if (message.destroyed) return onLost(message.errored)
    message.on("end", onEnd).on("error", onLost).on("close", onLost).on("data", onData)
    return Effect.sync(forget)
  })
  return Effect.suspend(() => outcome ?? collect)
}

const joined = (chunks: ReadonlyArray<Buffer>): Buffer => {
  const [only, ...more] = chunks
  return only !== undefined && more.length === 0 ? only : Buffer.concat(chunks)
}

const unreadable = (request: HttpServerRequest.HttpServerRequest, cause: unknown) =>
  new HttpServerError.HttpServerError({
    reason: new HttpServerError.RequestParseError({ request, reason: "Parse", cause })
  })

const unsupported = (
  request: HttpServerRequest.HttpServerRequest,
  header: UnsupportedBodyEncoding["header"]
): Read<never> => Effect.fail(unreadable(request, new UnsupportedBodyEncoding({ header })))
