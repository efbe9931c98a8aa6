import type { JsonSchema } from "effect"

/** Where in the document something is described. */
export interface Ref {
  readonly $ref: string
}

/** A JSON Schema of draft 7, which AsyncAPI's own schemas extend. */
export type JsonSchemaNode = JsonSchema.JsonSchema | Ref

interface Exchange {
  readonly name: string
  readonly type: "topic" | "fanout"
  readonly durable: true
  readonly autoDelete: false
}

interface Queue {
  readonly name: string
  readonly durable: true
  readonly exclusive: false
  readonly autoDelete: false
}

/** AsyncAPI's AMQP bindings, version 0.3.0, of a channel. */
export type ChannelBinding =
  | { readonly is: "routingKey"; readonly exchange: Exchange; readonly bindingVersion: "0.3.0" }
  | { readonly is: "queue"; readonly queue: Queue; readonly bindingVersion: "0.3.0" }

export interface Channel {
  readonly address: string
  readonly title: string
  readonly description: string
  readonly parameters?: Readonly<
    Record<string, { readonly description: string; readonly examples: ReadonlyArray<string> }>
  >
  readonly messages: Readonly<Record<string, Ref>>
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

export interface Operation {
  readonly action: "send" | "receive"
  readonly title: string
  readonly summary: string
  readonly description: string
  readonly channel: Ref
  readonly messages: ReadonlyArray<Ref>
  readonly tags: ReadonlyArray<Ref>
  readonly bindings: { readonly amqp: OperationBinding }
}

export interface Example {
  readonly name: string
  readonly summary: string
  readonly headers?: object
  readonly payload: object
}

export interface Message {
  readonly name: string
  readonly title: string
  readonly summary: string
  readonly contentType?: "application/json"
  readonly headers?: Ref
  readonly payload: JsonSchemaNode
  readonly examples: ReadonlyArray<Example>
}

export interface Server {
  readonly host: string
  readonly protocol: "amqp"
  readonly protocolVersion: string
  readonly description: string
  readonly variables: Readonly<Record<string, { readonly description: string; readonly default: string }>>
  readonly security: ReadonlyArray<Ref>
}

/** The parts of an AsyncAPI 3.0 document that ours has. */
export interface AsyncApiDocument {
  readonly asyncapi: "3.0.0"
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly contact: { readonly name: string }
    readonly license: { readonly name: string; readonly url: string }
    readonly tags: ReadonlyArray<Ref>
  }
  readonly defaultContentType: "application/json"
  readonly servers: Readonly<Record<string, Server>>
  readonly channels: Readonly<Record<string, Channel>>
  readonly operations: Readonly<Record<string, Operation>>
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>
    readonly schemas: Readonly<Record<string, JsonSchema.JsonSchema>>
    readonly securitySchemes: Readonly<Record<string, object>>
    readonly tags: Readonly<Record<string, { readonly name: string; readonly description: string }>>
  }
}
