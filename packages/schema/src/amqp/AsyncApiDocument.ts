import { JsonSchema, Record, Schema, String } from "effect"
import { StatusReportInput } from "../Delivery.ts"
import { simplify } from "../http/OpenApiSchemas.ts"
import type {
  AsyncApiDocument,
  AsyncApiChannel,
  ChannelBinding,
  AsyncApiMessage,
  AsyncApiOperation,
  OperationBinding,
  AsyncApiRef
} from "./AsyncApi.ts"
import { deadLetterExample, eventExample, reportExamples } from "./AsyncApiExamples.ts"
import { DeadLetterHeaders } from "./DeadLetters.ts"
import { bodies, priorities, type RoutingKey, UserEventHeaders } from "./UserEvents.ts"

const description = `What the User Service says and hears over AMQP 0-9-1 (RabbitMQ), beside its HTTP API.

It publishes an event for each change of a user to the topic exchange \`user_events\`. The event is written in the transaction of
the change and published afterwards, at least once and with the confirmation of the broker: the same event may come twice, under
the same \`message_id\`. The events of one user come in the order in which they happened. Bind a queue of your own to the routing
keys that you want to hear, for example \`token.*\`, and ignore fields that you do not know: events may gain some.

It takes in what senders report of notifications from the topic exchange \`notification_status\`. What it can never apply goes to a
queue of dead letters, with the reason.

The service declares the exchanges and its own queues by itself, again after each loss of the connection.`

const tags = {
  events: { name: "Events", description: "What the service publishes of users: bind a queue of your own." },
  statuses: { name: "Statuses", description: "What senders report of notifications." },
  deadLetters: { name: "Dead letters", description: "Statuses that can never be applied." }
}

const bindingVersion = "0.3.0"

const schemaRef = (name: string): AsyncApiRef => ({ $ref: `#/components/schemas/${name}` })
const messageRef = (name: string): AsyncApiRef => ({ $ref: `#/components/messages/${name}` })
const tagRef = (name: keyof typeof tags): AsyncApiRef => ({ $ref: `#/components/tags/${name}` })

/** All schemas with a name, as JSON Schema of draft 7, by that name. */
const definitionsOf = (schemas: ReadonlyArray<Schema.Top>): Readonly<Record<string, JsonSchema.JsonSchema>> => {
  const definitions: JsonSchema.Definitions = {}
  for (const schema of schemas) {
    Object.assign(definitions, JsonSchema.toDocumentDraft07(Schema.toJsonSchemaDocument(schema)).definitions)
  }
  const found = JSON.parse(
    JSON.stringify(definitions).replaceAll(`"$ref":"#/definitions/`, `"$ref":"#/components/schemas/`)
  )
  simplify(found)
  return found
}

const annotationsOf = (schema: Schema.Top) => {
  const annotations = Schema.resolveAnnotations(schema)
  return { name: annotations?.identifier ?? "", description: annotations?.description ?? "" }
}

const topic = (name: string): ChannelBinding => ({
  is: "routingKey",
  exchange: { name, type: "topic", durable: true, autoDelete: false },
  bindingVersion
})

const inWords = (name: string): string =>
  String.capitalize(String.camelToSnake(String.uncapitalize(name)).replaceAll("_", " "))

/** A channel of one message, and the operation on it. */
interface Spoken {
  readonly key: string
  readonly channel: AsyncApiChannel
  readonly operationId: string
  readonly operation: AsyncApiOperation
  readonly messageName: string
  readonly message: AsyncApiMessage
}

const spoken = (one: {
  readonly key: string
  readonly verb: "publish" | "receive" | "bury"
  readonly tag: keyof typeof tags
  readonly channel: Omit<AsyncApiChannel, "messages">
  readonly messageName: string
  readonly message: AsyncApiMessage
  readonly description: string
  readonly binding: Omit<OperationBinding, "bindingVersion">
}): Spoken => ({
  key: one.key,
  channel: { ...one.channel, messages: { [one.key]: messageRef(one.messageName) } },
  operationId: `${one.verb}${one.messageName}`,
  operation: {
    action: one.verb === "receive" ? "receive" : "send",
    title: one.channel.title,
    summary: one.message.summary,
    description: one.description,
    channel: { $ref: `#/channels/${one.key}` },
    messages: [{ $ref: `#/channels/${one.key}/messages/${one.key}` }],
    tags: [tagRef(one.tag)],
    bindings: { amqp: { ...one.binding, bindingVersion } }
  },
  messageName: one.messageName,
  message: one.message
})

const published = (routingKey: RoutingKey): Spoken => {
  const { description, name } = annotationsOf(bodies[routingKey])
  const title = inWords(name)
  const priority = priorities[routingKey]
  return spoken({
    key: String.uncapitalize(name),
    verb: "publish",
    tag: "events",
    channel: {
      address: routingKey,
      title,
      description: `The events \`${routingKey}\` of all users. Bind a queue of your own to the exchange by this key.`,
      bindings: { amqp: topic("user_events") }
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
      "Persistent, with the id of the event as `message_id`, published at least once." +
      (priority === undefined ? "" : ` Priority ${priority}, for queues that have priorities.`),
    binding: {
      deliveryMode: 2,
      mandatory: false,
      timestamp: true,
      ...(priority === undefined ? {} : { priority })
    }
  })
}

const status: Spoken = spoken({
  key: "notificationStatus",
  verb: "receive",
  tag: "statuses",
  channel: {
    address: "notification.status.{detail}",
    title: "Notification status",
    description:
      "What senders report of notifications, in the service's durable quorum queue `user-service.notification-status`. It is " +
      "bound by `notification.status.#`: publish under `notification.status` or any key below it. A message that comes back to " +
      "the queue more than 20 times is dead.",
    parameters: {
      detail: {
        description: "Whatever the sender likes, in any number of words: the service does not look at it.",
        examples: ["failed"]
      }
    },
    bindings: { amqp: topic("notification_status") }
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
    "The highest of `pending`, `sent`, `failed`, `delivered`, `opened`, `bounced` and `complained` stands in the end, in whatever " +
    "order and however often they come. A message is acknowledged once its report is in the database, or once it is among the " +
    "dead letters. The report on a user that no longer exists is acknowledged and dropped.",
  binding: { ack: true }
})

const deadLetter: Spoken = spoken({
  key: "deadNotificationStatus",
  verb: "bury",
  tag: "deadLetters",
  channel: {
    address: "user-service.notification-status.dead",
    title: "Dead notification status",
    description:
      "A durable quorum queue, behind a fanout exchange of the same name. The service's own worker takes the messages out of it " +
      "and keeps them in the database, where an operator lists, replays or discards them.",
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
    summary: "A message that can never be applied, as it came, and the reason.",
    headers: schemaRef(annotationsOf(DeadLetterHeaders).name),
    payload: { description: "The body as it came: any bytes, and often no JSON." },
    examples: [deadLetterExample]
  },
  description:
    "Persistent and confirmed by the broker before the message itself is acknowledged, so that none is lost.",
  binding: { deliveryMode: 2, mandatory: true }
})

const all: ReadonlyArray<Spoken> = [...Record.keys(bodies).map(published), status, deadLetter]

/** The AMQP side as an AsyncAPI 3.0 document. Its schemas and the examples of events are made by the code that publishes. */
export const asyncApiDocument: AsyncApiDocument = {
  asyncapi: "3.0.0",
  info: {
    title: "User Service: messages",
    version: "1.0.0",
    description,
    contact: { name: "The operators of this service" },
    license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
    tags: Record.keys(tags).map(tagRef)
  },
  defaultContentType: "application/json",
  servers: {
    rabbitmq: {
      host: "{host}",
      protocol: "amqp",
      protocolVersion: "0.9.1",
      description: "The RabbitMQ of the operator, which `RABBITMQ_URL` names.",
      variables: {
        host: { description: "The name and the port of the broker.", default: "localhost:5672" }
      },
      security: [{ $ref: "#/components/securitySchemes/user" }]
    }
  },
  channels: Object.fromEntries(all.map(({ channel, key }) => [key, channel])),
  operations: Object.fromEntries(all.map(({ operation, operationId }) => [operationId, operation])),
  components: {
    messages: Object.fromEntries(all.map(({ message, messageName }) => [messageName, message])),
    schemas: definitionsOf([...Object.values(bodies), UserEventHeaders, StatusReportInput, DeadLetterHeaders]),
    securitySchemes: {
      user: {
        type: "userPassword",
        description: "A user of the broker, with access to the virtual host of the service."
      }
    },
    tags
  }
}
