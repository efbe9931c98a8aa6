import { assert, describe, it } from "@effect/vitest"
import * as Wire from "@user-service/broker/Wire"
import type { ConsumeMessage } from "amqplib"

const properties: ConsumeMessage["properties"] = {
  contentType: undefined,
  contentEncoding: undefined,
  headers: { "x-own": "a", "x-delivery-count": 2, "x-acquired-count": 3 },
  deliveryMode: 2,
  priority: undefined,
  correlationId: undefined,
  replyTo: undefined,
  expiration: undefined,
  messageId: undefined,
  timestamp: undefined,
  type: undefined,
  userId: undefined,
  appId: undefined,
  clusterId: undefined
}

const message: ConsumeMessage = {
  content: Buffer.from("a"),
  fields: { consumerTag: "c", deliveryTag: 1, redelivered: true, exchange: "e", routingKey: "k" },
  properties
}

describe("a delivered message", () => {
  it("has only the headers of its publisher, without the counters that a quorum queue adds", () => {
    assert.deepStrictEqual(Wire.messageOf(message).headers, { "x-own": "a" })
    assert.strictEqual(Wire.deliveryCountOf(message), 2)
  })
})
