import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Effect, Redacted } from "effect"
import { connect } from "node:net"

const unavailable = new ServiceUnavailable({ what: "broker", retryAfterSeconds: 1 })

/** Whether something listens where the broker should be. The API holds no connection of its own to it. */
export const probeBroker = (url: Redacted.Redacted<string>): Effect.Effect<void, ServiceUnavailable> => {
  const { hostname, port } = new URL(Redacted.value(url))
  return Effect.callback<void, ServiceUnavailable>((resume) => {
    const socket = connect({ host: hostname, port: Number(port === "" ? 5672 : port) })
    socket.once("connect", () => resume(Effect.void))
    socket.once("error", () => resume(Effect.fail(unavailable)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail(unavailable) }))
}
