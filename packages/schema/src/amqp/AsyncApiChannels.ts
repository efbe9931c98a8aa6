import { Record, Schema, String } from "effect"
import { StatusReportInput } from "../Delivery.ts"
import type {
  AsyncApiChannel,
  ChannelBinding,
  AsyncApiMessage,
  AsyncApiOperation,
  OperationBinding,
  AsyncApiRef
} from "./AsyncApi.ts"
import { deadLetterExample, eventExample, mailExample, reportExamples } from "./AsyncApiExamples.ts"
import { DeadLetterHeaders } from "./DeadLetters.ts"
import { bodies, priorities, type RoutingKey, UserEventHeaders } from "./UserEvents.ts"
import { mailBodies, type MailRoutingKey, UserMailHeaders } from "./UserMail.ts"

/** The tags of the operations. */
export const tags = {
  events: { name: "Events", description: "The user events that the service publishes. Bind your own queue." },
  mails: { name: "Mails", description: "The mails that the Email service writes and sends for this service." },
  statuses: { name: "Statuses", description: "The status reports of senders, which the service consumes." },
  deadLetters: { name: "Dead letters", description: "The status reports that can never be applied." }
}

const bindingVersion = "0.3.0"

const schemaRef = (name: string): AsyncApiRef => ({ $ref: `#/components/schemas/${name}` })
const messageRef = (name: string): AsyncApiRef => ({ $ref: `#/components/messages/${name}` })
/** The reference to a tag. */
export const tagRef = (name: keyof typeof tags): AsyncApiRef => ({ $ref: `#/components/tags/${name}` })

const annotationsOf = (schema: Schema.Top) => {
  const annotations = Schema.resolveAnnotations(schema)
  return { name: annotations?.identifier ?? "", description: annotations?.description ?? "" }
}

const exchange = (name: string, type: "topic" | "direct"): ChannelBinding => ({
  is: "routingKey",
  exchange: { name, type, durable: true, autoDelete: false },
  bindingVersion
})

const titleOf = (name: string): string =>
  String.capitalize(String.camelToSnake(String.uncapitalize(name)).replaceAll("_", " "))

/** A channel with its message and its operation. */
interface ChannelEntry {
  readonly key: string
  readonly channel: AsyncApiChannel
  readonly operationId: string
  readonly operation: AsyncApiOperation
  readonly messageName: string
  readonly message: AsyncApiMessage
}

const channelEntry = (options: {
  readonly key: string
  readonly verb: "publish" | "receive" | "bury"
  readonly tag: keyof typeof tags
  readonly channel: Omit<AsyncApiChannel, "messages">
  readonly messageName: string
  readonly message: AsyncApiMessage
  readonly description: string
  readonly binding: Omit<OperationBinding, "bindingVersion">
}): ChannelEntry => ({
  key: options.key,
  channel: { ...options.channel, messages: { [options.key]: messageRef(options.messageName) } },
  operationId: `${options.verb}${options.messageName}`,
  operation: {
    action: options.verb === "receive" ? "receive" : "send",
    title: options.channel.title,
    summary: options.message.summary,
    description: options.description,
    channel: { $ref: `#/channels/${options.key}` },
    messages: [{ $ref: `#/channels/${options.key}/messages/${options.key}` }],
    tags: [tagRef(options.tag)],
    bindings: { amqp: { ...options.binding, bindingVersion } }
  },
  messageName: options.messageName,
  message: options.message
})

const eventChannel = (routingKey: RoutingKey): ChannelEntry => {
  const { description, name } = annotationsOf(bodies[routingKey])
  const title = titleOf(name)
  const priority = priorities[routingKey]
  return channelEntry({
    key: String.uncapitalize(name),
    verb: "publish",
    tag: "events",
    channel: {
      address: routingKey,
      title,
      description: `The \`${routingKey}\` events of all users. Bind your own queue to the exchange with this key.`,
      bindings: { amqp: exchange("user_events", "topic") }
    },
    messageName: name,
    message: {
      name: routingKey,
      title,
      summary: description,
      contentType: "application/json",
      headers: schemaRef(annotationsOf(UserEventHeaders).name),
      payload: schemaRef(name),
      examples: [eventExample(routingKey)]
    },
    description:
      "Persistent, with the event id as `message_id`, published at least once." +
      (priority === undefined ? "" : ` Priority ${priority}, for queues with priorities.`),
    binding: {
      deliveryMode: 2,
      mandatory: false,
      timestamp: true,
      ...(priority === undefined ? {} : { priority })
    }
  })
}

const mailChannel = (routingKey: MailRoutingKey): ChannelEntry => {
  const { description, name } = annotationsOf(mailBodies[routingKey])
  const title = titleOf(name)
  return channelEntry({
    key: String.uncapitalize(name),
    verb: "publish",
    tag: "mails",
    channel: {
      address: routingKey,
      title,
      description: `The \`${routingKey}\` mails of all users. Bind one queue to the exchange with this key.`,
      bindings: { amqp: exchange("user_mail", "direct") }
    },
    messageName: name,
    message: {
      name: routingKey,
      title,
      summary: description,
      contentType: "application/json",
      headers: schemaRef(annotationsOf(UserMailHeaders).name),
      payload: schemaRef(name),
      examples: [mailExample(routingKey)]
    },
    description:
      "Persistent and mandatory, with the notification id as `message_id`, published at least once before it expires. Send one mail " +
      "for each id. Never replayed.",
    binding: { deliveryMode: 2, mandatory: true, timestamp: true }
  })
}

const statusChannel: ChannelEntry = channelEntry({
  key: "notificationStatus",
  verb: "receive",
  tag: "statuses",
  channel: {
    address: "notification.status.{detail}",
    title: "Notification status",
    description:
      "The status reports of senders, in the durable quorum queue `user-service.notification-status`. The queue is bound with " +
      "`notification.status.#`: publish with the key `notification.status` or any key below it. A message that is requeued " +
      "more than 20 times is dead-lettered.",
    parameters: {
      detail: {
        description: "Any number of words. The service ignores them.",
        examples: ["failed"]
      }
    },
    bindings: { amqp: exchange("notification_status", "topic") }
  },
  messageName: annotationsOf(StatusReportInput).name,
  message: {
    name: "notification.status",
    title: "Notification status",
    summary: annotationsOf(StatusReportInput).description,
    contentType: "application/json",
    payload: schemaRef(annotationsOf(StatusReportInput).name),
    examples: reportExamples
  },
  description:
    "Statuses rank in the order `pending`, `sent`, `failed`, `delivered`, `opened`, `bounced` and `complained`. The highest one is " +
    "kept, so the order of messages does not matter, and repeating them has no effect. A message is acknowledged after its report " +
    "has been stored or dead-lettered. Reports on users that no longer exist are acknowledged and dropped.",
  binding: { ack: true }
})

const deadLetterChannel: ChannelEntry = channelEntry({
  key: "deadNotificationStatus",
  verb: "bury",
  tag: "deadLetters",
  channel: {
    address: "user-service.notification-status.dead",
    title: "Dead notification status",
    description:
      "A durable quorum queue, bound to a fanout exchange of the same name. The service's worker moves the messages to the " +
      "database, where an operator can list, replay or discard them.",
    bindings: {
      amqp: {
        is: "queue",
        queue: {
          name: "user-service.notification-status.dead",
          durable: true,
          exclusive: false,
          autoDelete: false
        },
        bindingVersion
      }
    }
  },
  messageName: "DeadStatusReport",
  message: {
    name: "notification.status.dead",
    title: "Dead notification status",
    summary: "The message that can never be applied, and the reason.",
    headers: schemaRef(annotationsOf(DeadLetterHeaders).name),
    payload: {
      description:
        "The unchanged body: any bytes, not necessarily JSON. For `unknown_notification` and `user_mismatch` without `push_token`, " +
        "`error` and unknown fields, which may be personal data."
    },
    examples: [deadLetterExample]
  },
  description:
    "Persistent, and confirmed by the broker before the original message is acknowledged, so that no message is lost.",
  binding: { deliveryMode: 2, mandatory: true }
})

/** All channels of the document. */
export const channels: ReadonlyArray<ChannelEntry> = [
  ...Record.keys(bodies).map(eventChannel),
  ...Record.keys(mailBodies).map(mailChannel),
  statusChannel,
  deadLetterChannel
]
