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
  /** Empty is the exchange that knows every queue by its name. */
  readonly exchange: string
  readonly routingKey: string
  readonly body: Uint8Array
  readonly contentType?: string
  readonly messageId?: string
  /** In whole seconds: what is below is lost. */
  readonly timestamp?: DateTime.Utc
  readonly priority?: number
  /** Outlives the broker's process. */
  readonly persistent: boolean
  readonly headers: Headers
}

export interface Outgoing extends Message {
  /**
   * Asks for an answer where no queue is bound. Without it such a message is confirmed and dropped: right for an event, which
   * nobody need listen to, and wrong for what must arrive, such as a dead letter.
   */
  readonly mandatory?: boolean
}

/**
 * What became of a message.
 *
 * - `confirmed`: every queue bound for it has it, a persistent one on disk.
 * - `unroutable`: it was mandatory, and no queue is bound for it. Nobody has it.
 * - `refused`: a queue is full, or the message cannot be put on the wire. Some queue may have it.
 * - `unconfirmed`: no answer in time, or none any more. It may be there, or not, or come late.
 */
export type Outcome = "confirmed" | "unroutable" | "refused" | "unconfirmed"
