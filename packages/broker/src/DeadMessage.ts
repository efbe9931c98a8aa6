import { Record } from "effect"
import type { Headers, OutgoingMessage } from "./Message.ts"

/** A message that was dead-lettered. */
export interface DeadMessage {
  /** The queue from which it was dead-lettered. */
  readonly queue: string
  readonly body: Uint8Array
  readonly contentType: string | null
  readonly messageId: string | null
  readonly headers: Headers
}

// The headers that RabbitMQ and this service add to a dead letter.
const isDeadLetterHeader = (name: string): boolean => /^x-(reason|death|first-death-.*|last-death-.*)$/.test(name)

/** The message as it was, for the queue from which it was dead-lettered. */
export const replayOf = ({ body, contentType, headers, messageId, queue }: DeadMessage): OutgoingMessage => ({
  // The default exchange, which routes by queue name: other queues do not receive the message again.
  exchange: "",
  routingKey: queue,
  body,
  headers: Record.filter(headers, (_, name) => !isDeadLetterHeader(name)) satisfies Headers,
  persistent: true,
  mandatory: true,
  ...(contentType === null ? {} : { contentType }),
  ...(messageId === null ? {} : { messageId })
})
