import { Effect } from "effect"
import type { Message } from "./Message.ts"

/** A message handed to a consumer, its own until answered. */
export interface Delivery {
  readonly message: Message
  /** It was handed out before. */
  readonly redelivered: boolean
  /** How often it came back to the queue. */
  readonly deliveryCount: number
  /**
   * Done: this one, and all handed to the same consumer before it that are not answered yet. As the other answers it does
   * nothing where it comes twice, or late: what a lost connection delivered comes again over the next.
   */
  readonly ackThrough: Effect.Effect<void>
  /** Back to the queue, and soon out again. Counts towards the delivery limit: not a way to wait. */
  readonly requeue: Effect.Effect<void>
  /** To the dead letters of the queue. */
  readonly reject: Effect.Effect<void>
}

/** Takes the answers to what one consumer was handed, by the number each delivery has there. */
export interface Answers {
  readonly ackThrough: (tag: number) => void
  readonly requeue: (tag: number) => void
  readonly reject: (tag: number) => void
}

export const make = (
  handed: Pick<Delivery, "message" | "redelivered" | "deliveryCount">,
  tag: number,
  answers: Answers
): Delivery => ({
  ...handed,
  ackThrough: Effect.sync(() => answers.ackThrough(tag)),
  requeue: Effect.sync(() => answers.requeue(tag)),
  reject: Effect.sync(() => answers.reject(tag))
})
