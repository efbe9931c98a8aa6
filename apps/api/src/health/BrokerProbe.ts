import { hostOf, nodesOf } from "@user-service/broker/RabbitMqUrl"
import { connectionProblem, EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Effect, Redacted } from "effect"
import { connect } from "node:net"

const unusable = (problem = "no answer in time") =>
  new EngineUnusable({ engine: "RabbitMQ", variable: "RABBITMQ_URL", problem })

/**
 * Checks that the port of the broker, or of one of its nodes, accepts a TCP connection. The API itself uses no connection to the
 * broker.
 */
export const probeBroker = (url: Redacted.Redacted<string>): Effect.Effect<void, EngineUnusable> =>
  Effect.raceAll(nodesOf(Redacted.value(url)).map((node) => probeNode(hostOf(node)))).pipe(
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail(unusable()) })
  )

const probeNode = (address: ReturnType<typeof hostOf>) =>
  Effect.callback<void, EngineUnusable>((resume) => {
    const socket = connect(address)
    socket.once("connect", () => resume(Effect.void))
    socket.once("error", (error) => resume(Effect.fail(unusable(connectionProblem(error)))))
    return Effect.sync(() => socket.destroy())
  })
