import { Cause, Effect } from "effect"
import { HttpServerError, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import { failure } from "../endpoints/Answers.ts"
import { BodyNotUtf8, UnsupportedBodyEncoding } from "../node/RequestBody.ts"
import { allowedMethods } from "../endpoints/Routes.ts"

type Respond = typeof failure

const routeNotFound = (
  request: HttpServerRequest.HttpServerRequest,
  respond: Respond
): HttpServerResponse.HttpServerResponse => {
  const allowed = allowedMethods(request.url)
  return allowed.length === 0
    ? respond(404, "not_found", "No such route")
    : respond(405, "method_not_allowed", `Method ${request.method} is not allowed here`, { allow: allowed.join(", ") })
}

const bodyFailure = (
  { cause, reason }: HttpServerError.RequestParseError,
  respond: Respond
): HttpServerResponse.HttpServerResponse => {
  if (cause instanceof BodyNotUtf8) return respond(400, "malformed_json", cause.message)
  if (cause instanceof UnsupportedBodyEncoding) {
    // Lists the supported codings (RFC 9110, section 15.5.16).
    const accepted = cause.header === "content-encoding" ? { "accept-encoding": "identity" } : {}
    return respond(415, "unsupported_media_type", cause.message, accepted)
  }
  // The rest of the body remains unread, so the connection cannot serve another request.
  return reason === "BodyTooLarge"
    ? respond(413, "payload_too_large", "The request body is too large", { connection: "close" })
    : respond(400, "malformed_json", "The request could not be read", { connection: "close" })
}

const responseToServerError = (
  { reason }: HttpServerError.HttpServerError,
  respond: Respond
): HttpServerResponse.HttpServerResponse | undefined => {
  switch (reason._tag) {
    case "RouteNotFound":
      return routeNotFound(reason.request, respond)
    case "RequestParseError":
      return bodyFailure(reason, respond)
    default:
      return undefined
  }
}

const responseToCause = (
  cause: Cause.Cause<unknown>,
  respond: Respond
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Cause.squash(cause)
  const response = HttpServerError.isHttpServerError(error) ? responseToServerError(error, respond) : undefined
  return response !== undefined
    ? Effect.succeed(response)
    : Effect.as(
        Effect.logError("Unexpected error while handling a request", cause),
        respond(500, "internal_error", "An internal error occurred")
      )
}

/**
 * Answers with the envelope where no endpoint does: unknown routes and methods, unreadable bodies, and unexpected errors. Pages pass
 * another `respond`.
 */
export const withEnvelope = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  respond: Respond = failure
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  app.pipe(
    // The only response that the library writes as plain text.
    Effect.map((response) =>
      response.status === 415 && response.headers["content-type"]?.startsWith("text/plain") === true
        ? failure(415, "unsupported_media_type", "The request body must be application/json")
        : response
    ),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : responseToCause(cause, respond)
    )
  )
