import { connectionProblem } from "@user-service/domain/EngineUnusable"
import { Predicate } from "effect"

// The reply codes of AMQP 0-9-1 (section 1.2, "reply-code") as RabbitMQ explains them.
const refusals: ReadonlyArray<readonly [RegExp, string]> = [
  [/ACCESS[_-]REFUSED.*[Ll]ogin was refused/s, "it refuses the user or the password"],
  // The only error that amqplib gives for a refused virtual host.
  [
    /^Expected ConnectionOpenOk; got <ConnectionClose/,
    "it refuses the virtual host: none has the name, or the user may not use it"
  ],
  [
    /Socket closed abruptly during opening handshake/,
    "the other side closed the connection; perhaps it expects TLS, or expects none"
  ],
  [/^Frame size \d+ exceeds|^Invalid frame/, "what listens there does not speak AMQP 0-9-1"]
]

/** Why RabbitMQ cannot be used, for an operator: an explanation, then the message of the broker or the system. */
export const problemOf = (error: unknown): string => {
  const message = Predicate.hasProperty(error, "message") && Predicate.isString(error.message) ? error.message : ""
  const explanation = refusals.find(([pattern]) => pattern.test(message))?.[1]
  if (explanation !== undefined) return `${explanation} (${message})`
  return connectionProblem(error) ?? (message === "" ? "unknown failure" : message)
}
