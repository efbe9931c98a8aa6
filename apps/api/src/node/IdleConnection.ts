import { NodeHttpServerRequest } from "@effect/platform-node"
import { Duration } from "effect"
import type { HttpServerRequest } from "effect/http"

/**
 * Closes the connection if the client takes no byte of the response for `timeout`. For responses that are larger than the
 * buffers of a connection: Node would wait for the client forever. The timeout ends with the response.
 */
export const closeWhenIdle = (request: HttpServerRequest.HttpServerRequest, timeout: Duration.Duration): void => {
  const response = NodeHttpServerRequest.toServerResponse(request)
  response.setTimeout(Duration.toMillis(timeout), () => response.destroy())
}
