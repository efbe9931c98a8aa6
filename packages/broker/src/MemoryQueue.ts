import { MutableList } from "effect"
import type { DeathReason } from "./Deaths.ts"
import * as Delivery from "./Delivery.ts"
import type { Message } from "./Message.ts"
import type { Queue } from "./Topology.ts"

/** A queue in memory. */
export interface MemoryQueue {
  readonly isFull: () => boolean
  readonly offer: (message: Message) => void
  /** Delivers messages to a consumer until it is detached, which requeues its unacknowledged messages. */
  readonly attach: (prefetch: number, deliver: (delivery: Delivery.Delivery) => void) => () => void
  /** Publishes the dead letters again that no queue had capacity for. */
  readonly retryDeadLetters: () => void
}

export interface MemoryQueueOptions {
  readonly queue: Queue
  /** How many messages it may hold, waiting and unacknowledged. */
  readonly capacity: number
  /** Publishes a dead letter. False if it was refused: the message then stays and counts towards the capacity. */
  readonly deadLetter: (message: Message, reason: DeathReason) => boolean
  /** Called when a message has left the queue. */
  readonly onCapacity: () => void
}

interface QueuedMessage {
  readonly message: Message
  readonly deliveryCount: number
}

interface Consumer {
  readonly prefetch: number
  /** In the order of the delivery tags. */
  readonly unacknowledged: Map<number, QueuedMessage>
  readonly deliver: (tag: number, queued: QueuedMessage) => void
}

export const make = ({ capacity, deadLetter, onCapacity, queue }: MemoryQueueOptions): MemoryQueue => {
  // Delivered before the waiting messages.
  const requeued = MutableList.make<QueuedMessage>()
  const waiting = MutableList.make<QueuedMessage>()
  let undeliveredDeadLetters: Array<readonly [message: Message, reason: DeathReason]> = []
  // In round-robin order, the next one first.
  let consumers: Array<Consumer> = []
  let size = 0
  let tags = 0

  const next = (): QueuedMessage | undefined => {
    const queued = MutableList.take(requeued.length > 0 ? requeued : waiting)
    return queued === MutableList.Empty ? undefined : queued
  }
  const dispatch = () => {
    for (;;) {
      const consumer = consumers.find(({ unacknowledged, prefetch }) => unacknowledged.size < prefetch)
      const queued = consumer === undefined ? undefined : next()
      if (consumer === undefined || queued === undefined) return
      consumers = [...consumers.filter((other) => other !== consumer), consumer]
      consumer.unacknowledged.set(++tags, queued)
      consumer.deliver(tags, queued)
    }
  }
  const releaseCapacity = (count: number) => {
    size -= count
    if (count > 0) onCapacity()
  }
  const moveToDeadLetters = (message: Message, reason: DeathReason) => {
    if (deadLetter(message, reason)) releaseCapacity(1)
    else undeliveredDeadLetters.push([message, reason])
  }
  const requeue = ({ deliveryCount, message }: QueuedMessage) => {
    if (deliveryCount >= queue.deliveryLimit) moveToDeadLetters(message, "delivery_limit")
    else MutableList.append(requeued, { message, deliveryCount: deliveryCount + 1 })
  }

  const acknowledgementsOf = (unacknowledged: Map<number, QueuedMessage>): Delivery.Acknowledgements => {
    const take = (tag: number, then: (queued: QueuedMessage) => void) => {
      const queued = unacknowledged.get(tag)
      if (queued === undefined) return
      unacknowledged.delete(tag)
      then(queued)
      dispatch()
    }
    return {
      ackThrough: (through) => {
        let done = 0
        for (const tag of unacknowledged.keys()) {
          if (tag > through) break
          unacknowledged.delete(tag)
          done++
        }
        releaseCapacity(done)
        dispatch()
      },
      requeue: (tag) => take(tag, requeue),
      reject: (tag) => take(tag, ({ message }) => moveToDeadLetters(message, "rejected"))
    }
  }

  return {
    isFull: () => size >= capacity,
    offer: (message) => {
      size++
      MutableList.append(waiting, { message, deliveryCount: 0 })
      dispatch()
    },
    attach: (prefetch, deliver) => {
      const unacknowledged = new Map<number, QueuedMessage>()
      const acknowledgements = acknowledgementsOf(unacknowledged)
      const consumer: Consumer = {
        prefetch,
        unacknowledged,
        deliver: (tag, { deliveryCount, message }) =>
          deliver(Delivery.make({ message, deliveryCount, redelivered: deliveryCount > 0 }, tag, acknowledgements))
      }
      consumers.push(consumer)
      dispatch()
      return () => {
        consumers = consumers.filter((other) => other !== consumer)
        const returned = [...unacknowledged.values()]
        unacknowledged.clear()
        for (const queued of returned) requeue(queued)
        dispatch()
      }
    },
    retryDeadLetters: () => {
      const retries = undeliveredDeadLetters
      undeliveredDeadLetters = []
      for (const [message, reason] of retries) moveToDeadLetters(message, reason)
    }
  }
}
