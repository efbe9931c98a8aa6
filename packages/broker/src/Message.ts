import type { DateTime } from "effect"

export type HeaderValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | ReadonlyArray<HeaderValue>
  | { readonly [name: string]: HeaderValue }

export type Headers = { readonly [name: string]: HeaderValue }

export interface Message {
  /** Empty is AMQP's default exchange, which routes by the queue's name. */
  readonly exchange: string
  readonly routingKey: string
  readonly body: Uint8Array
  readonly contentType?: string
  readonly messageId?: string
  /** AMQP carries whole seconds; fractions are dropped. */
  readonly timestamp?: DateTime.Utc
  readonly priority?: number
  /** Whether the message survives a restart of the broker. */
  readonly persistent: boolean
  readonly headers: Headers
}

export interface OutgoingMessage extends Message {
  /**
   * Whether a message that no queue is bound for is reported as `unroutable`. Otherwise it is confirmed and dropped, which is
   * right for an event, and wrong for a message that must arrive, such as a dead letter.
   */
  readonly mandatory?: boolean
}

/**
 * The outcome of publishing a message.
 *
 * - `confirmed`: all queues bound for it have stored it, on disk if it is persistent.
 * - `unroutable`: it was mandatory and no queue is bound for it. No queue has it.
 * - `refused`: a queue is full, or the message cannot be encoded. Other queues may have it.
 * - `unconfirmed`: the confirm did not arrive in time, or the channel was lost. Queues may have it, or get it later.
 */
export type Outcome = "confirmed" | "unroutable" | "refused" | "unconfirmed"
