import type { Headers, Message } from "./Message.ts"

/** Why RabbitMQ dead-letters a message. */
export type DeathReason = "rejected" | "delivery_limit"

interface Death {
  readonly queue: string
  readonly reason: DeathReason
  /** In seconds. */
  readonly time: number
}

/** The headers that RabbitMQ adds to a dead letter. */
export const deadLetterHeaders = (
  { exchange, headers, routingKey }: Message,
  { queue, reason, time }: Death
): Headers => ({
  ...headers,
  "x-first-death-exchange": exchange,
  "x-first-death-queue": queue,
  "x-first-death-reason": reason,
  "x-death": [{ count: 1, exchange, queue, reason, "routing-keys": [routingKey], time }]
})
