import { Cause, Effect } from "effect"
import { HttpServerError, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import { failure } from "./Answers.ts"
import { BodyNotUtf8, UnsupportedBodyEncoding } from "../node/RequestBody.ts"
import { allowedMethods } from "../edge/Routes.ts"

const unrouted = (request: HttpServerRequest.HttpServerRequest): HttpServerResponse.HttpServerResponse => {
  const allowed = allowedMethods(request.url)
  return allowed.length === 0
    ? failure(404, "not_found", "No such route")
    : failure(405, "method_not_allowed", `Method ${request.method} is not allowed here`, { allow: allowed.join(", ") })
}

const unreadable = ({ cause, reason }: HttpServerError.RequestParseError): HttpServerResponse.HttpServerResponse => {
  if (cause instanceof BodyNotUtf8) return failure(400, "malformed_json", cause.message)
  if (cause instanceof UnsupportedBodyEncoding) {
    // RFC 9110, section 15.5.16: the codings that would be read.
    const accepted = cause.header === "content-encoding" ? { "accept-encoding": "identity" } : {}
    return failure(415, "unsupported_media_type", cause.message, accepted)
  }
  // The rest of such a body is not read, so the connection cannot serve another request.
  return reason === "BodyTooLarge"
    ? failure(413, "payload_too_large", "The request body is too large", { connection: "close" })
    : failure(400, "malformed_json", "The request could not be read", { connection: "close" })
}

const ofServerError = ({
  reason
}: HttpServerError.HttpServerError): HttpServerResponse.HttpServerResponse | undefined => {
  switch (reason._tag) {
    case "RouteNotFound":
      return unrouted(reason.request)
    case "RequestParseError":
      return unreadable(reason)
    default:
      return undefined
  }
}

const ofCause = (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Cause.squash(cause)
  const answer = HttpServerError.isHttpServerError(error) ? ofServerError(error) : undefined
  return answer !== undefined
    ? Effect.succeed(answer)
    : Effect.as(
        Effect.logError("A request failed for a reason of ours", cause),
        failure(500, "internal_error", "An internal error occurred")
      )
}

/** Puts into the envelope what no endpoint declares: unknown routes and methods, unreadable bodies, and our own defects. */
export const enveloped = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  app.pipe(
    // The one answer that an endpoint writes as plain text.
    Effect.map((response) =>
      response.status === 415 && response.headers["content-type"]?.startsWith("text/plain") === true
        ? failure(415, "unsupported_media_type", "The request body must be application/json")
        : response
    ),
    Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : ofCause(cause)))
  )
