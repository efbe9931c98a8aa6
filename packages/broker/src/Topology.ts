import { Duration } from "effect"

/** Where messages come in. Durable. */
export interface Exchange {
  readonly name: string
  readonly type: "topic" | "direct" | "fanout"
}

/** What of an exchange goes into a queue. In the pattern of a topic, `*` is one word and `#` any number of them. */
export interface Binding {
  readonly exchange: string
  readonly pattern: string
}

/** Where messages wait: a durable quorum queue. */
export interface Queue {
  readonly name: string
  readonly bindings: ReadonlyArray<Binding>
  /** How often a message may come back to the queue before it is dead. */
  readonly deliveryLimit: number
  /** Where the dead go, at least once each. Without it they are dropped. */
  readonly deadLetterExchange?: string
  /** How long a message may wait before RabbitMQ drops it: 49 days at most. What is in the process is gone sooner. */
  readonly messageTtl?: Duration.Duration
}

/** What has to be there, declared again whenever it may be gone. */
export interface Topology {
  readonly exchanges: ReadonlyArray<Exchange>
  readonly queues: ReadonlyArray<Queue>
}

export const userEvents: Exchange = { name: "user_events", type: "topic" }
export const userMail: Exchange = { name: "user_mail", type: "direct" }
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
  // RabbitMQ 4 takes an absent limit for 20, and would drop what whoever looks through the dead gives back that often.
  deliveryLimit: 1_000_000,
  // A worker takes them out at once, and keeps them for longer. Without one they must not fill the disk for ever.
  messageTtl: Duration.days(30)
}

export const userService: Topology = {
  exchanges: [userEvents, userMail, notificationStatus, deadStatuses],
  queues: [deadStatusQueue, statusQueue]
}
