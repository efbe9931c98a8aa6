import { Effect } from "effect"
import type { Message } from "./Message.ts"

/** A message delivered to a consumer. No other consumer gets it until it is acknowledged, requeued or rejected. */
export interface Delivery {
  readonly message: Message
  /** Whether it was delivered before. */
  readonly redelivered: boolean
  /** How often it returned to the queue. */
  readonly deliveryCount: number
  /**
   * Acknowledges this delivery and all earlier ones of the same consumer that are still unacknowledged. Like `requeue` and
   * `reject` it does nothing the second time, or after the connection was lost: the broker then delivers the message again.
   */
  readonly ackThrough: Effect.Effect<void>
  /** Returns the message to the queue for immediate redelivery. Counts towards the delivery limit, so do not use it to wait. */
  readonly requeue: Effect.Effect<void>
  /** Moves the message to the dead letters of the queue. */
  readonly reject: Effect.Effect<void>
}

/** Acknowledges, requeues and rejects the deliveries of one consumer, by their delivery tags. */
export interface Acknowledgements {
  readonly ackThrough: (tag: number) => void
  readonly requeue: (tag: number) => void
  readonly reject: (tag: number) => void
}

export const make = (
  delivery: Pick<Delivery, "message" | "redelivered" | "deliveryCount">,
  tag: number,
  acknowledgements: Acknowledgements
): Delivery => ({
  ...delivery,
  ackThrough: Effect.sync(() => acknowledgements.ackThrough(tag)),
  requeue: Effect.sync(() => acknowledgements.requeue(tag)),
  reject: Effect.sync(() => acknowledgements.reject(tag))
})
