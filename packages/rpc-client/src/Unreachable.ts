import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { InternalError } from "@user-service/schema/rpc/UserServiceRpc"
import { Cause, Effect, Predicate, Schema } from "effect"
import type { HttpClientError } from "effect/http"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { type Refusal, refusalIn } from "./Refusal.ts"

/**
 * The service gave no usable answer, and it is unknown whether the call was carried out. Every call of this client is safe to
 * repeat, a delivery with the same id.
 */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  reason: Schema.Literals([
    /** The connection failed or broke. */
    "connection",
    /** No answer before the timeout or the deadline. */
    "timeout",
    /** The call was not made: the circuit breaker is open after too many attempts without an answer. */
    "circuit_open",
    /** The answer cannot be read, or is not from the service, but from a proxy, for example. */
    "answer"
  ]),
  detail: Schema.String,
  /** The error of the platform, such as `connect ECONNREFUSED`. It never holds the request, which has the key. */
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `The user service gave no answer (${this.reason}): ${this.detail}`
  }

  /** The failure of an HTTP request: the error of the connection, or a description of the unexpected response. */
  static fromHttpClientError(reason: HttpClientError.HttpClientErrorReason): Unreachable {
    const cause = reason.cause === undefined ? {} : { cause: reason.cause }
    if ("response" in reason) {
      const { request, response } = reason
      const type = response.headers["content-type"] ?? "without a content type"
      const detail = `${request.method} ${request.url} was answered ${response.status} (${type}). Is this the user service's URL?`
      return new Unreachable({ reason: "answer", detail, ...cause })
    }
    if (Cause.isTimeoutError(reason.cause)) return new Unreachable({ reason: "timeout", detail: reason.cause.message })
    return new Unreachable({ reason: "connection", detail: rootMessage(reason), ...cause })
  }
}

/** The typed failure of a call that could not be made, or whose answer could not be read. */
export const failureOf = ({ reason }: RpcClientError): Effect.Effect<never, Unreachable | Refusal> => {
  if (reason._tag === "HttpError" && isHttpClientErrorReason(reason.cause)) {
    const unreachable = Unreachable.fromHttpClientError(reason.cause)
    if (reason.cause._tag !== "StatusCodeError") return Effect.fail(unreachable)
    return Effect.flatMap(refusalIn(reason.cause.response), (refusal) => Effect.fail(refusal ?? unreachable))
  }
  // The cause of a missing answer is the call, which does not say what is wrong.
  return Effect.fail(
    "cause" in reason && Predicate.isTagged(reason.cause, "Request")
      ? new Unreachable({ reason: "answer", detail: "There is no answer to the call" })
      : new Unreachable({ reason: "answer", detail: "The answer cannot be read", cause: reason })
  )
}

const isHttpClientErrorReason = (cause: unknown): cause is HttpClientError.HttpClientErrorReason =>
  Predicate.hasProperty(cause, "_tag") && Predicate.hasProperty(cause, "request")

// The library's error wraps "fetch failed", which wraps the error of the system. That one names the reason.
const rootMessage = (error: unknown): string => {
  const errors = Predicate.hasProperty(error, "errors") && Array.isArray(error.errors) ? error.errors : []
  // A host name with several addresses fails once for each of them.
  if (errors.length > 0) return errors.map(rootMessage).join("; ")
  if (Predicate.hasProperty(error, "cause") && error.cause instanceof Error) return rootMessage(error.cause)
  return error instanceof Error ? error.message : String(error)
}

/** The failures that every call can have. */
export type CallFailure =
  | Unreachable
  /** An engine that the service needs is down, also after the retries. */
  | ServiceUnavailable
  /** The key has made too many calls, and the wait ends after the deadline or the retries did not help. */
  | RateLimited
  /** The key is absent, unknown or expired. */
  | Unauthenticated
  /** The key lacks the scope of the call. */
  | ForbiddenScope
  /** A bug in the service. */
  | InternalError
