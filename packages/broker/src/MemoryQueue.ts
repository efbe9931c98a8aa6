import { MutableList } from "effect"
import type { DeathReason } from "./Deaths.ts"
import * as Delivery from "./Delivery.ts"
import type { Message } from "./Message.ts"
import type { Queue } from "./Topology.ts"

/** A queue in the process. */
export interface MemoryQueue {
  readonly isFull: () => boolean
  readonly offer: (message: Message) => void
  /** Hands messages to a consumer until it is detached; what it has not answered then comes back. */
  readonly attach: (prefetch: number, hand: (delivery: Delivery.Delivery) => void) => () => void
  /** Tries again to be rid of the dead that nobody would take. */
  readonly bury: () => void
}

export interface MemoryQueueOptions {
  readonly queue: Queue
  /** How many it holds, waiting and handed out. */
  readonly capacity: number
  /** Takes a dead letter, or does not: then it stays, as one of those the queue holds. */
  readonly onDeath: (message: Message, reason: DeathReason) => boolean
  readonly onRoom: () => void
}

interface Kept {
  readonly message: Message
  readonly deliveryCount: number
}

interface Consumer {
  readonly prefetch: number
  /** What it was handed and has not answered, in the order of the tags. */
  readonly open: Map<number, Kept>
  readonly hand: (tag: number, kept: Kept) => void
}

export const make = ({ capacity, onDeath, onRoom, queue }: MemoryQueueOptions): MemoryQueue => {
  // What came back goes out first.
  const returned = MutableList.make<Kept>()
  const waiting = MutableList.make<Kept>()
  let dead: Array<readonly [message: Message, reason: DeathReason]> = []
  // The one whose turn it is comes first.
  let consumers: Array<Consumer> = []
  let size = 0
  let tags = 0

  const next = (): Kept | undefined => {
    const kept = MutableList.take(returned.length > 0 ? returned : waiting)
    return kept === MutableList.Empty ? undefined : kept
  }
  const dispatch = () => {
    for (;;) {
      const consumer = consumers.find(({ open, prefetch }) => open.size < prefetch)
      const kept = consumer === undefined ? undefined : next()
      if (consumer === undefined || kept === undefined) return
      consumers = [...consumers.filter((other) => other !== consumer), consumer]
      consumer.open.set(++tags, kept)
      consumer.hand(tags, kept)
    }
  }
  const leave = (count: number) => {
    size -= count
    if (count > 0) onRoom()
  }
  const die = (message: Message, reason: DeathReason) => {
    if (onDeath(message, reason)) leave(1)
    else dead.push([message, reason])
  }
  const comeBack = ({ deliveryCount, message }: Kept) => {
    if (deliveryCount >= queue.deliveryLimit) die(message, "delivery_limit")
    else MutableList.append(returned, { message, deliveryCount: deliveryCount + 1 })
  }

  const answersOf = (open: Map<number, Kept>): Delivery.Answers => {
    const take = (tag: number, then: (kept: Kept) => void) => {
      const kept = open.get(tag)
      if (kept === undefined) return
      open.delete(tag)
      then(kept)
      dispatch()
    }
    return {
      ackThrough: (through) => {
        let done = 0
        for (const tag of open.keys()) {
          if (tag > through) break
          open.delete(tag)
          done++
        }
        leave(done)
        dispatch()
      },
      requeue: (tag) => take(tag, comeBack),
      reject: (tag) => take(tag, ({ message }) => die(message, "rejected"))
    }
  }

  return {
    isFull: () => size >= capacity,
    offer: (message) => {
      size++
      MutableList.append(waiting, { message, deliveryCount: 0 })
      dispatch()
    },
    attach: (prefetch, hand) => {
      const open = new Map<number, Kept>()
      const answers = answersOf(open)
      const consumer: Consumer = {
        prefetch,
        open,
        hand: (tag, { deliveryCount, message }) =>
          hand(Delivery.make({ message, deliveryCount, redelivered: deliveryCount > 0 }, tag, answers))
      }
      consumers.push(consumer)
      dispatch()
      return () => {
        consumers = consumers.filter((other) => other !== consumer)
        const unanswered = [...open.values()]
        open.clear()
        for (const kept of unanswered) comeBack(kept)
        dispatch()
      }
    },
    bury: () => {
      const unburied = dead
      dead = []
      for (const [message, reason] of unburied) die(message, reason)
    }
  }
}
