import type { Broker } from "@user-service/broker/Broker"
import type { Outcome, OutgoingMessage } from "@user-service/broker/Message"
import { userMail } from "@user-service/broker/Topology"
import type { OutgoingMail } from "@user-service/core/mails/MailOutbox"
import { userMailMessage } from "@user-service/schema/amqp/UserMail"
import { Effect, Metric } from "effect"

/**
 * Publishes mails and returns the ids of the confirmed ones. Logs once when no queue takes the mails of a type, and once when one
 * does again. Fails if the broker is unavailable: then no mail was published (decision 0027).
 */
export const publishWith = (broker: Broker["Service"]) => {
  const unroutableTypes = new Set<string>()

  const report = (type: string, outcome: Outcome) => {
    if (outcome === "unroutable" && !unroutableTypes.has(type)) {
      unroutableTypes.add(type)
      return Effect.annotateLogs(Effect.logWarning("Mails wait since no queue takes them"), { type })
    }
    if (outcome === "confirmed" && unroutableTypes.delete(type)) {
      return Effect.annotateLogs(Effect.logInfo("A queue takes the mails again"), { type })
    }
    return Effect.void
  }

  return Effect.fnUntraced(function* (mails: ReadonlyArray<OutgoingMail>) {
    const messages = mails.map(messageOf)
    const outcomes = yield* broker.publishAll(messages)
    const confirmed: Array<string> = []
    for (const [index, { messageId, routingKey: type }] of messages.entries()) {
      const outcome = outcomes[index] ?? "unconfirmed"
      yield* report(type, outcome)
      if (outcome === "confirmed") {
        confirmed.push(messageId)
        yield* Metric.update(Metric.withAttributes(publishedTotal, { type }), 1)
      } else yield* Metric.update(Metric.withAttributes(unconfirmedTotal, { type, outcome }), 1)
    }
    return confirmed
  })
}

const encoder = new TextEncoder()

const messageOf = ({ createdAt, id, mail, traceparent }: OutgoingMail) => {
  const { body, headers, routingKey } = userMailMessage({ id, mail, createdAt, traceparent })
  return {
    exchange: userMail.name,
    routingKey,
    body: encoder.encode(body),
    contentType: "application/json",
    messageId: id,
    timestamp: createdAt,
    persistent: true,
    mandatory: true,
    headers
  } satisfies OutgoingMessage
}

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const publishedTotal = counter("mails_published_total", "Mails published and confirmed, by type")
const unconfirmedTotal = counter(
  "mails_unconfirmed_total",
  "Publications of mails that no queue took, by type and outcome"
)
