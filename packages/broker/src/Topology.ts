import { Duration } from "effect"

/** A durable exchange. */
export interface Exchange {
  readonly name: string
  readonly type: "topic" | "direct" | "fanout"
  /**
   * Whether messages are published to it on a channel of their own. RabbitMQ closes the channel of a message whose exchange is absent
   * or may not be written to, and the other messages on the channel lose their confirms.
   */
  readonly ownChannel?: true
}

/** Routes the messages of an exchange to a queue. In a topic pattern `*` is one word and `#` any number of words. */
export interface Binding {
  readonly exchange: string
  readonly pattern: string
}

/** A durable quorum queue. */
export interface Queue {
  readonly name: string
  readonly bindings: ReadonlyArray<Binding>
  /** How often a message may return to the queue before it is dead-lettered. */
  readonly deliveryLimit: number
  /** Gets the dead letters, at least once each. Without it they are dropped. */
  readonly deadLetterExchange?: string
  /** How long a message may wait before RabbitMQ drops it, at most 49 days. The memory broker ignores it. */
  readonly messageTtl?: Duration.Duration
}

/** The exchanges and queues that must exist. They are declared again whenever they may have been deleted. */
export interface Topology {
  readonly exchanges: ReadonlyArray<Exchange>
  readonly queues: ReadonlyArray<Queue>
}

export const userEvents: Exchange = { name: "user_events", type: "topic" }
export const userMail: Exchange = { name: "user_mail", type: "direct", ownChannel: true }
export const notificationStatus: Exchange = { name: "notification_status", type: "topic" }
export const deadStatuses: Exchange = { name: "user-service.notification-status.dead", type: "fanout" }

export const statusQueue: Queue = {
  name: "user-service.notification-status",
  bindings: [{ exchange: notificationStatus.name, pattern: "notification.status.#" }],
  deliveryLimit: 20,
  deadLetterExchange: deadStatuses.name
}

export const deadStatusQueue: Queue = {
  name: "user-service.notification-status.dead",
  bindings: [{ exchange: deadStatuses.name, pattern: "" }],
  // Without a limit RabbitMQ 4 uses 20, and would drop a dead letter that an operator has requeued so often.
  deliveryLimit: 1_000_000,
  // The worker moves dead letters to the database immediately. Without a running worker they must not fill the disk.
  messageTtl: Duration.days(30)
}

export const userService: Topology = {
  exchanges: [userEvents, userMail, notificationStatus, deadStatuses],
  queues: [deadStatusQueue, statusQueue]
}
