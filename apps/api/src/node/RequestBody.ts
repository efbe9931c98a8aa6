import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { HttpServerError, type HttpServerRequest } from "effect/http"

type BodyRead<A> = Effect.Effect<A, HttpServerError.HttpServerError>

/** A request header declares a compressed body, or a charset other than UTF-8. */
export class UnsupportedBodyEncoding extends Schema.TaggedError<UnsupportedBodyEncoding>()("UnsupportedBodyEncoding", {
  header: Schema.Literals(["content-type", "content-encoding"])
}) {
  override get message() {
    return this.header === "content-type"
      ? "The charset of the request body must be utf-8"
      : "The request body must not have a Content-Encoding"
  }
}

/** The body is not valid UTF-8, which JSON requires (RFC 8259, section 8.1). */
export class BodyNotUtf8 extends Schema.TaggedError<BodyNotUtf8>()("BodyNotUtf8", {}) {
  override get message() {
    return "The request body is not valid UTF-8"
  }
}

/**
 * Makes reading the body fail if it is not UTF-8: a decoder that replaces invalid bytes would make different passwords equal.
 * The cause of the failure is {@link UnsupportedBodyEncoding} or {@link BodyNotUtf8}. It occurs when the body is read, which is
 * after authentication.
 */
export const withCheckedBody = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const message = NodeHttpServerRequest.toIncomingMessage(request)
  const { "content-length": length, "transfer-encoding": transferCoding } = message.headers
  // No body (RFC 9112, section 6.3).
  if (length === undefined && transferCoding === undefined) return request
  // An interrupted reader removes its listeners. Without this one, an error that Node emits just then would end the process.
  message.on("error", doNothing)
  const bytes = isIdentity(message.headers["content-encoding"])
    ? Effect.map(request.arrayBuffer, (body) => new Uint8Array(body))
    : unsupported(request, "content-encoding")
  return Object.defineProperties(request, {
    arrayBuffer: { value: Effect.map(bytes, (body) => body.buffer) },
    text: {
      value: Effect.suspend(() =>
        isUtf8Charset(message.headers["content-type"])
          ? Effect.flatMap(bytes, (body) => decode(request, body))
          : unsupported(request, "content-type")
      )
    }
  })
}

const doNothing = (): void => undefined

const isIdentity = (contentEncoding: string | undefined): boolean =>
  contentEncoding === undefined ||
  contentEncoding.split(",").every((coding) => ["", "identity"].includes(coding.trim().toLowerCase()))

const charsets = /;\s*charset\s*=\s*(?:"([^"]*)"|([^;]*))/gi

// `utf8` is a label of UTF-8 too (Encoding Standard, section 4.2). If there are several charsets, each has to be UTF-8.
const isUtf8Charset = (contentType: string | undefined): boolean =>
  contentType === undefined ||
  !contentType.includes(";") ||
  [...contentType.matchAll(charsets)].every(([, quoted, token]) => /^utf-?8$/i.test((quoted ?? token ?? "").trim()))

// Ignores a byte order mark, which RFC 8259, section 8.1, allows.
const utf8 = new TextDecoder("utf-8", { fatal: true })

const decode = (request: HttpServerRequest.HttpServerRequest, body: Uint8Array): BodyRead<string> =>
  Effect.try({ try: () => utf8.decode(body), catch: () => unreadable(request, new BodyNotUtf8()) })

const unreadable = (request: HttpServerRequest.HttpServerRequest, cause: unknown) =>
  new HttpServerError.HttpServerError({
    reason: new HttpServerError.RequestParseError({ request, reason: "Parse", cause })
  })

const unsupported = (
  request: HttpServerRequest.HttpServerRequest,
  header: UnsupportedBodyEncoding["header"]
): BodyRead<never> => Effect.fail(unreadable(request, new UnsupportedBodyEncoding({ header })))
