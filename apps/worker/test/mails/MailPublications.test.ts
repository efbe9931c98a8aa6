import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import type { Outcome, OutgoingMessage } from "@user-service/broker/Message"
import { userService } from "@user-service/broker/Topology"
import type { OutgoingMail } from "@user-service/core/mails/MailOutbox"
import { UserId } from "@user-service/domain/User"
import { publishWith } from "@user-service/worker/mails/MailPublications"
import { Context, DateTime, Effect, Layer, Logger } from "effect"
import { randomUUID } from "node:crypto"
import { layerWithPublisher } from "../outbox/ReceivedEvents.ts"
import { noticeFor, resetFor } from "./ReceivedMails.ts"

const token = "a-token-that-no-log-may-have"
const createdAt = DateTime.makeUnsafe("2026-11-24T10:02:00.500Z")
const user = UserId.make(randomUUID())

const outgoing = (mail: OutgoingMail["mail"]): OutgoingMail => ({
  id: randomUUID(),
  mail,
  traceparent: null,
  createdAt
})
const reset = () => outgoing(resetFor(user, token, DateTime.add(createdAt, { hours: 1 })))
const notice = () => outgoing(noticeFor(user))

/** Publishes over a broker that answers with `outcomeOf`, and collects the messages and the log. */
const setUp = Effect.fnUntraced(function* (outcomeOf: (message: OutgoingMessage) => Outcome) {
  const messages: Array<OutgoingMessage> = []
  const lines: Array<string> = []
  const broker = layerWithPublisher(
    () => (all) =>
      Effect.sync(() => {
        messages.push(...all)
        return all.map(outcomeOf)
      }),
    userService
  )
  const publish = publishWith(Context.get(yield* Layer.build(broker), Broker))
  const logger = Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])
  return {
    messages,
    lines,
    publish: (...mails: ReadonlyArray<OutgoingMail>) => Effect.provide(publish(mails), logger)
  }
})

describe("publishing mails", () => {
  it.effect(
    "a message is mandatory, persistent JSON with the id of the mail, and only its body contains the token",
    () =>
      Effect.gen(function* () {
        const { messages, publish } = yield* setUp(() => "confirmed")
        const mail = reset()
        assert.deepStrictEqual(yield* publish(mail), [mail.id])
        const [message] = messages
        assert(message !== undefined)
        const { body, ...properties } = message
        assert.deepStrictEqual<unknown>(properties, {
          exchange: "user_mail",
          routingKey: "password_reset",
          contentType: "application/json",
          messageId: mail.id,
          timestamp: createdAt,
          persistent: true,
          mandatory: true,
          headers: {
            "cloudEvents:id": mail.id,
            "cloudEvents:source": "/user-service",
            "cloudEvents:type": "password_reset",
            "cloudEvents:specversion": "1.0",
            "cloudEvents:time": "2026-11-24T10:02:00.500Z",
            "cloudEvents:subject": user
          }
        })
        assert.strictEqual(JSON.parse(new TextDecoder().decode(body)).token, token)
      })
  )

  it.effect("exactly the confirmed mails are returned, whatever happens to the others", () =>
    Effect.gen(function* () {
      const outcomes = new Map<string | undefined, Outcome>()
      const { publish } = yield* setUp(({ messageId }) => outcomes.get(messageId) ?? "confirmed")
      const mails = [reset(), notice(), reset(), notice(), reset()]
      outcomes.set(mails[0]?.id, "unroutable").set(mails[1]?.id, "refused").set(mails[3]?.id, "unconfirmed")
      assert.deepStrictEqual(
        yield* publish(...mails),
        [mails[2], mails[4]].map((mail) => mail?.id)
      )
    })
  )

  it.effect("the log reports once that a type has no queue and once that it has one again, without a token", () =>
    Effect.gen(function* () {
      let isBound = false
      const { lines, publish } = yield* setUp(({ routingKey }) =>
        isBound || routingKey !== "password_reset" ? "confirmed" : "unroutable"
      )
      const reports = () => lines.map((line) => /(wait since no queue|takes the mails again)/.exec(line)?.[1])
      yield* publish(reset(), notice(), reset())
      yield* publish(reset())
      assert.deepStrictEqual(reports(), ["wait since no queue"])
      isBound = true
      yield* publish(reset(), reset())
      assert.deepStrictEqual(reports(), ["wait since no queue", "takes the mails again"])
      for (const line of lines) {
        assert.include(line, "password_reset")
        assert.notInclude(line, token)
      }
    })
  )
})
