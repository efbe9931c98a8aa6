import { Parser } from "@asyncapi/parser"
// oxlint-disable-next-line import/no-unassigned-import -- it registers what formats mean
import "@hyperjump/json-schema/formats"
import { registerSchema, setShouldValidateFormat, validate } from "@hyperjump/json-schema/draft-07"
import { assert, describe, it } from "@effect/vitest"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import { Mail } from "@user-service/domain/Mail"
import { RevocationReason } from "@user-service/domain/Session"
import { asyncApiDocument } from "@user-service/schema/amqp/AsyncApiDocument"
import { DeadLetterHeaders, DeadLetterReason } from "@user-service/schema/amqp/DeadLetters"
import { readNotificationStatus } from "@user-service/schema/amqp/NotificationStatus"
import { bodies, UserEventHeaders } from "@user-service/schema/amqp/UserEvents"
import { mailBodies, UserMailHeaders } from "@user-service/schema/amqp/UserMail"
import { Effect, Option, Predicate, Schema } from "effect"
import { walk } from "../http/document.ts"

// Tests reach into the document freely and say by assertions what is there.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

/** The document as everyone else reads it. */
const document: Json = JSON.parse(JSON.stringify(asyncApiDocument))

const address = "https://user-service.example/asyncapi"
setShouldValidateFormat(true)
registerSchema(document, address, "http://json-schema.org/draft-07/schema#")

const resolve = (ref: string): Json =>
  ref
    .slice(2)
    .split("/")
    .reduce((node: Json, part) => node?.[part], document)

const refs = Array.from(walk(document)).flatMap(([path, node]) => (path.at(-1) === "$ref" ? [String(node)] : []))

const messageOn = (address: string): Json => {
  const channel = Object.values<Json>(document.channels).find((channel) => channel.address === address)
  const [ref] = Object.values<Json>(channel?.messages ?? {})
  return resolve(ref.$ref)
}

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

describe("the AsyncAPI document", () => {
  it("is valid AsyncAPI 3.0 without any remark of the parser, including the examples", async () => {
    const { diagnostics, document: parsed } = await new Parser().parse(JSON.stringify(document))
    // Of newer versions than 3.0 the parser tells by itself.
    const remarks = diagnostics.filter(({ code }) => code !== "asyncapi-latest-version")
    assert.deepStrictEqual(
      remarks.map(({ code, message, path }) => `${code} at ${path.join(".")}: ${message}`),
      []
    )
    assert.strictEqual(parsed?.version(), "3.0.0")
  })

  it("is refused by the parser with an invalid operation", async () => {
    const wrong = structuredClone(document)
    wrong.operations.publishUserRegistered.action = "shout"
    const { document: parsed } = await new Parser().parse(JSON.stringify(wrong))
    assert.isUndefined(parsed)
  })

  it.each(Object.entries<Json>(document.components.messages))(
    "the examples of %s match its JSON Schemas",
    async (_, { examples, headers, payload }) => {
      for (const example of examples) {
        if (payload.$ref !== undefined) {
          const output = await validate(address + payload.$ref, example.payload, "BASIC")
          assert.deepStrictEqual(output, { valid: true })
        }
        assert.strictEqual(headers === undefined, example.headers === undefined)
        if (headers === undefined) continue
        const output = await validate(address + headers.$ref, example.headers, "BASIC")
        assert.deepStrictEqual(output, { valid: true })
      }
    }
  )

  it("a JSON Schema refuses what the schema of the code refuses", async () => {
    const isEvent = await validate(`${address}#/components/schemas/UserRegistered`)
    const [{ payload }] = document.components.messages.UserRegistered.examples
    assert.isTrue(isEvent(payload).valid)
    for (const wrong of [{ ...payload, user_id: 7 }, { ...payload, event_type: "user_updated" }, {}, null]) {
      assert.isFalse(isEvent(wrong).valid)
    }
  })

  it("every reference resolves, and every component is used", () => {
    assert.deepStrictEqual(
      refs.filter((ref) => resolve(ref) === undefined),
      []
    )
    const components = Object.entries<Json>(document.components).flatMap(([kind, all]) =>
      Object.keys(all).map((name) => `#/components/${kind}/${name}`)
    )
    assert.deepStrictEqual(
      components.filter((component) => !refs.includes(component)),
      []
    )
  })

  it("has every event by its routing key, and no other published message", () => {
    const published = Object.values<Json>(document.operations)
      .filter(({ action }) => action === "send")
      .map(({ channel }) => resolve(channel.$ref))
      .filter(({ bindings }) => bindings.amqp.exchange?.name === "user_events")
    assert.sameMembers(
      published.map(({ address }) => address),
      Object.keys(bodies)
    )
    const kinds = DomainEvent.members.map((member) => member.fields._tag.schema.literal)
    assert.sameMembers(
      published.flatMap(({ messages }) => Object.values<Json>(messages).map(({ $ref }) => $ref.split("/").at(-1))),
      kinds
    )
  })

  it("has every mail by its routing key on the direct exchange, published as mandatory", () => {
    const published = Object.values<Json>(document.operations)
      .map((operation) => ({ operation, channel: resolve(operation.channel.$ref) }))
      .filter(({ channel }) => channel.bindings.amqp.exchange?.name === "user_mail")
    assert.sameMembers(
      published.map(({ channel }) => channel.address),
      Object.keys(mailBodies)
    )
    assert.sameMembers(
      published.flatMap(({ channel }) =>
        Object.values<Json>(channel.messages).map(({ $ref }) => $ref.split("/").at(-1))
      ),
      Mail.members.map((member) => member.fields._tag.schema.literal)
    )
    for (const { channel, operation } of published) {
      assert.strictEqual(channel.bindings.amqp.exchange.type, "direct")
      assert.deepInclude(operation.bindings.amqp, { deliveryMode: 2, mandatory: true })
    }
  })

  it("describes every channel, operation, message and field of a message of its own", () => {
    for (const [key, { description, title }] of Object.entries<Json>(document.channels)) {
      assert.isAbove(description.length, 30, key)
      assert.match(title, /^[A-Z][a-z ]+$/, key)
    }
    for (const [key, { description, summary }] of Object.entries<Json>(document.operations)) {
      assert.isAbove(description.length, 30, key)
      assert.match(summary, /\.$/, key)
    }
    for (const [name, { description }] of Object.entries<Json>(document.components.schemas)) {
      assert.isTrue(Predicate.isString(description) && description.length > 10, name)
    }
  })

  it("permits unknown fields, which consumers ignore", () => {
    const closed = Array.from(walk(document)).filter(
      ([path, node]) => path.at(-1) === "additionalProperties" && node === false
    )
    assert.deepStrictEqual(closed, [])
  })

  it("has the schemas of the code: reasons, required fields and formats", () => {
    const { SessionRevoked, UserRegistered } = document.components.schemas
    assert.deepStrictEqual(SessionRevoked.properties.reason.enum, [...RevocationReason.literals])
    assert.deepStrictEqual(UserRegistered.required, Object.keys(bodies["user.registered"].fields))
    assert.deepInclude(UserRegistered.properties.user_id, { type: "string", format: "uuid" })
    assert.deepInclude(UserRegistered.properties.timestamp, { type: "string", format: "date-time" })
    assert.deepStrictEqual(document.components.schemas.DeadLetterHeaders.properties["x-reason"].enum, [
      ...DeadLetterReason.literals
    ])
  })

  it.effect.each(Object.entries(bodies))("the example of %s is decoded as its body and headers", ([routingKey, body]) =>
    Effect.gen(function* () {
      const { examples } = messageOn(routingKey)
      assert.isNotEmpty(examples)
      for (const { headers, payload } of examples) {
        assert.deepStrictEqual<unknown>(yield* Schema.decodeUnknownEffect(body)(payload), payload)
        assert.deepStrictEqual<unknown>(yield* Schema.decodeUnknownEffect(UserEventHeaders)(headers), headers)
        assert.strictEqual(headers["cloudEvents:type"], routingKey)
      }
    })
  )

  it.effect.each(Object.entries(mailBodies))(
    "the example of the mail %s is decoded as its body",
    ([routingKey, body]) =>
      Effect.gen(function* () {
        const { examples } = messageOn(routingKey)
        assert.isNotEmpty(examples)
        for (const { headers, payload } of examples) {
          assert.deepStrictEqual<unknown>(yield* Schema.decodeUnknownEffect(body)(payload), payload)
          assert.deepStrictEqual<unknown>(yield* Schema.decodeUnknownEffect(UserMailHeaders)(headers), headers)
          assert.strictEqual(headers["cloudEvents:type"], routingKey)
          assert.strictEqual(headers["cloudEvents:id"], payload.notification_id)
        }
      })
  )

  it("the examples of statuses are decoded by the decoder of the worker", () => {
    const { examples } = messageOn("notification.status.{detail}")
    assert.lengthOf(examples, 3)
    for (const { payload } of examples) assert.isTrue(Option.isSome(readNotificationStatus(bytes(payload))))
  })

  it.effect("the example of a dead letter has an existing reason", () =>
    Effect.gen(function* () {
      const { examples } = messageOn("user-service.notification-status.dead")
      assert.isNotEmpty(examples)
      for (const { headers } of examples) yield* Schema.decodeUnknownEffect(DeadLetterHeaders)(headers)
    })
  )
})
