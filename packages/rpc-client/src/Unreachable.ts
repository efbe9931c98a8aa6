import type { RateLimited } from "@user-service/domain/RateLimit"
import type { ForbiddenScope, Unauthenticated } from "@user-service/domain/ServiceAccess"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { InternalError } from "@user-service/schema/rpc/UserServiceRpc"
import { Effect, Predicate, Schema } from "effect"
import type { HttpClientError } from "effect/http"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { type Refusal, refusalIn } from "./Refusal.ts"

/**
 * There was no answer to go by. Whether the call was carried out is not known; every call of this client may be made again,
 * a delivery under its own id.
 */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  reason: Schema.Literals([
    /** Nothing listens there, or the connection broke. */
    "connection",
    /** No answer within the time there is for one. */
    "timeout",
    /** Not asked: too many calls went unanswered just before. */
    "circuit_open",
    /** Something answered that is not the service, as a proxy does. */
    "answer"
  ]),
  detail: Schema.String,
  /** The platform's own error, such as `connect ECONNREFUSED` or a certificate's; never the request, which holds the key. */
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `The user service gave no answer (${this.reason}): ${this.detail}`
  }

  /** A request that failed: what the platform said of the connection, or what answered in place of the service. */
  static fromHttpClientError(reason: HttpClientError.HttpClientErrorReason): Unreachable {
    const cause = reason.cause === undefined ? {} : { cause: reason.cause }
    if ("response" in reason) {
      const { request, response } = reason
      const type = response.headers["content-type"] ?? "without a content type"
      const detail = `${request.method} ${request.url} was answered ${response.status} (${type}). Is this the user service's URL?`
      return new Unreachable({ reason: "answer", detail, ...cause })
    }
    return new Unreachable({ reason: "connection", detail: rootMessage(reason), ...cause })
  }
}

/** How a call failed that the library could not make or whose answer it could not read. */
export const failureOf = ({ reason }: RpcClientError): Effect.Effect<never, Unreachable | Refusal> => {
  if (reason._tag === "HttpError" && isHttpClientErrorReason(reason.cause)) {
    const unreachable = Unreachable.fromHttpClientError(reason.cause)
    if (reason.cause._tag !== "StatusCodeError") return Effect.fail(unreachable)
    return Effect.flatMap(refusalIn(reason.cause.response), (refusal) => Effect.fail(refusal ?? unreachable))
  }
  // The cause is then the call, which says nothing of what is wrong.
  return Effect.fail(
    "cause" in reason && Predicate.isTagged(reason.cause, "Request")
      ? new Unreachable({ reason: "answer", detail: "There is no answer to the call" })
      : new Unreachable({ reason: "answer", detail: "The answer cannot be read", cause: reason })
  )
}

const isHttpClientErrorReason = (cause: unknown): cause is HttpClientError.HttpClientErrorReason =>
  Predicate.hasProperty(cause, "_tag") && Predicate.hasProperty(cause, "request")

// The library's error wraps that of fetch, "fetch failed", which wraps that of the system, which names the reason.
const rootMessage = (error: unknown): string => {
  const errors = Predicate.hasProperty(error, "errors") && Array.isArray(error.errors) ? error.errors : []
  // A host name with several addresses fails once for each of them.
  if (errors.length > 0) return errors.map(rootMessage).join("; ")
  if (Predicate.hasProperty(error, "cause") && error.cause instanceof Error) return rootMessage(error.cause)
  return error instanceof Error ? error.message : String(error)
}

/** How any call may fail, whatever it is for. */
export type CallFailure =
  | Unreachable
  /** The service cannot do without an engine that is away; tried again before it is told. */
  | ServiceUnavailable
  /** The key has made too many calls; waited for before it is told, where the wait is short. */
  | RateLimited
  /** The key is absent, unknown or expired. */
  | Unauthenticated
  /** The key is good, but not for this. */
  | ForbiddenScope
  /** A mistake of the service's. */
  | InternalError
