import type { Message as AmqpMessage, Options } from "amqplib"
import { DateTime, Option, Predicate, Record } from "effect"
import type { HeaderValue, Headers, Message, OutgoingMessage } from "./Message.ts"

/** A message's properties as amqplib expects them. */
export const propertiesOf = (message: OutgoingMessage): Options.Publish => ({
  headers: encodeHeaders(message.headers),
  persistent: message.persistent,
  mandatory: message.mandatory === true,
  ...(message.contentType === undefined ? {} : { contentType: message.contentType }),
  ...(message.messageId === undefined ? {} : { messageId: message.messageId }),
  ...(message.priority === undefined ? {} : { priority: message.priority }),
  ...(message.timestamp === undefined ? {} : { timestamp: Math.floor(message.timestamp.epochMilliseconds / 1000) })
})

/** A `Buffer` over the same bytes, without a copy. */
export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** How often a message returned to its queue. Quorum queues add the header from the first return on. */
export const deliveryCountOf = ({ properties }: AmqpMessage): number => {
  const count: unknown = properties.headers?.[deliveryCount]
  return Predicate.isNumber(count) ? count : 0
}

/** The message as it was published, without the properties of this delivery. */
export const messageOf = ({ content, fields, properties }: AmqpMessage): Message => {
  const { contentType, deliveryMode, headers, messageId, priority } = properties
  const timestamp = timestampOf(properties.timestamp)
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    body: new Uint8Array(content.buffer, content.byteOffset, content.byteLength),
    persistent: deliveryMode === 2,
    headers: decodeHeaders(headers ?? {}),
    ...(Predicate.isString(contentType) ? { contentType } : {}),
    ...(Predicate.isString(messageId) ? { messageId } : {}),
    ...(Predicate.isNumber(priority) ? { priority } : {}),
    ...(timestamp === undefined ? {} : { timestamp })
  }
}

const deliveryCount = "x-delivery-count"
// From RabbitMQ 4.3 on, how often the message was delivered.
const acquiredCount = "x-acquired-count"

// Some publishers send milliseconds instead of seconds, or more than a date can hold.
const timestampOf = (seconds: unknown): DateTime.Utc | undefined =>
  Predicate.isNumber(seconds) ? Option.getOrUndefined(DateTime.make(seconds * 1000)) : undefined

const encodeHeaders = (headers: Headers): Record<string, unknown> => Record.map(headers, encode)

const encode = (value: HeaderValue): unknown => {
  if (value instanceof Uint8Array) return bufferOf(value)
  if (Array.isArray(value)) return value.map(encode)
  return isHeaders(value) ? encodeHeaders(value) : value
}

const isHeaders = (value: HeaderValue): value is Headers => Predicate.isObject(value)

const decodeHeaders = (headers: Record<string, unknown>): Headers =>
  Record.map(Record.remove(Record.remove(headers, deliveryCount), acquiredCount), decode)

const decode = (value: unknown): HeaderValue => {
  if (Predicate.isString(value) || Predicate.isNumber(value) || Predicate.isBoolean(value)) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(decode)
  if (!Predicate.isObject(value)) return null
  // A timestamp (in seconds) or a decimal, which have no `HeaderValue` type.
  if (Predicate.hasProperty(value, "!") && Predicate.hasProperty(value, "value")) return decode(value.value)
  return Record.map(value, decode)
}
