import type { JsonSchema } from "effect"

/** A reference within the document. */
export interface AsyncApiRef {
  readonly $ref: string
}

/** A JSON Schema of draft 7, which AsyncAPI's schemas extend. */
type JsonSchemaNode = JsonSchema.JsonSchema | AsyncApiRef

interface Exchange {
  readonly name: string
  readonly type: "topic" | "direct" | "fanout"
  readonly durable: true
  readonly autoDelete: false
}

interface Queue {
  readonly name: string
  readonly durable: true
  readonly exclusive: false
  readonly autoDelete: false
}

/** The AMQP binding of a channel, version 0.3.0. */
export type ChannelBinding =
  | { readonly is: "routingKey"; readonly exchange: Exchange; readonly bindingVersion: "0.3.0" }
  | { readonly is: "queue"; readonly queue: Queue; readonly bindingVersion: "0.3.0" }

export interface AsyncApiChannel {
  readonly address: string
  readonly title: string
  readonly description: string
  readonly parameters?: Readonly<
    Record<string, { readonly description: string; readonly examples: ReadonlyArray<string> }>
  >
  readonly messages: Readonly<Record<string, AsyncApiRef>>
  readonly bindings: { readonly amqp: ChannelBinding }
}

export interface OperationBinding {
  readonly ack?: true
  readonly deliveryMode?: 2
  readonly mandatory?: boolean
  readonly priority?: number
  readonly timestamp?: true
  readonly bindingVersion: "0.3.0"
}

export interface AsyncApiOperation {
  readonly action: "send" | "receive"
  readonly title: string
  readonly summary: string
  readonly description: string
  readonly channel: AsyncApiRef
  readonly messages: ReadonlyArray<AsyncApiRef>
  readonly tags: ReadonlyArray<AsyncApiRef>
  readonly bindings: { readonly amqp: OperationBinding }
}

export interface AsyncApiExample {
  readonly name: string
  readonly summary: string
  readonly headers?: object
  readonly payload: object
}

export interface AsyncApiMessage {
  readonly name: string
  readonly title: string
  readonly summary: string
  readonly contentType?: "application/json"
  readonly headers?: AsyncApiRef
  readonly payload: JsonSchemaNode
  readonly examples: ReadonlyArray<AsyncApiExample>
}

interface AsyncApiServer {
  readonly host: string
  readonly protocol: "amqp"
  readonly protocolVersion: string
  readonly description: string
  readonly variables: Readonly<Record<string, { readonly description: string; readonly default: string }>>
  readonly security: ReadonlyArray<AsyncApiRef>
}

/** The parts of an AsyncAPI 3.0 document that this service uses. */
export interface AsyncApiDocument {
  readonly asyncapi: "3.0.0"
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly contact: { readonly name: string }
    readonly license: { readonly name: string; readonly url: string }
    readonly tags: ReadonlyArray<AsyncApiRef>
  }
  readonly defaultContentType: "application/json"
  readonly servers: Readonly<Record<string, AsyncApiServer>>
  readonly channels: Readonly<Record<string, AsyncApiChannel>>
  readonly operations: Readonly<Record<string, AsyncApiOperation>>
  readonly components: {
    readonly messages: Readonly<Record<string, AsyncApiMessage>>
    readonly schemas: Readonly<Record<string, JsonSchema.JsonSchema>>
    readonly securitySchemes: Readonly<Record<string, object>>
    readonly tags: Readonly<Record<string, { readonly name: string; readonly description: string }>>
  }
}
