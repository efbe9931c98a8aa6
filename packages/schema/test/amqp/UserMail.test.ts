import { assert, describe, it } from "@effect/vitest"
import { Email } from "@user-service/domain/Email"
import * as Domain from "@user-service/domain/Mail"
import { Language } from "@user-service/domain/Profile"
import { UserId } from "@user-service/domain/User"
import { mailBodies, UserMailBody, UserMailHeaders, userMailMessage } from "@user-service/schema/amqp/UserMail"
import { DateTime, Effect, Redacted, Schema } from "effect"

const id = (last: number) => `0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f0${last}`
const userId = UserId.make(id(0))
const createdAt = DateTime.makeUnsafe("2026-11-24T11:02:00.5+01:00")
const time = "2026-11-24T10:02:00.500Z"
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

const recipient = { userId, email: Email.make("ada@example.com"), language: Language.make("de") }
const withToken = {
  ...recipient,
  token: Redacted.make("one-time"),
  expiresAt: DateTime.add(createdAt, { hours: 1 })
}
const tokenBody = { token: "one-time", expires_at: "2026-11-24T11:02:00.500Z" }

const messageOf = (mail: Domain.Mail, trace: string | null = traceparent) =>
  userMailMessage({ id: id(9), mail, createdAt, traceparent: trace })

/** The fields of each body beyond those of every mail. */
const expected: ReadonlyArray<readonly [routingKey: string, mail: Domain.Mail, fields: object]> = [
  ["password_reset", new Domain.PasswordResetMail(withToken), tokenBody],
  ["email_verification", new Domain.EmailVerificationMail(withToken), tokenBody],
  ["email_change", new Domain.EmailChangeMail(withToken), tokenBody],
  ["email_change_requested", new Domain.EmailChangeRequestedMail(recipient), {}],
  ["email_changed", new Domain.EmailChangedMail(recipient), {}],
  [
    "security_notice",
    new Domain.SecurityNoticeMail({
      ...recipient,
      kind: "new_device",
      at: createdAt,
      ip: "203.0.113.7",
      userAgent: "a browser"
    }),
    { kind: "new_device", at: time, ip: "203.0.113.7", user_agent: "a browser" }
  ]
]

describe("userMailMessage", () => {
  it("is tested here with every mail", () => {
    assert.deepStrictEqual(
      expected.map(([, mail]) => mail._tag),
      Domain.Mail.members.map((member) => member.fields._tag.schema.literal)
    )
    assert.deepStrictEqual(
      expected.map(([routingKey]) => routingKey),
      Object.keys(mailBodies)
    )
  })

  it.each(expected)("%s has the fields of every mail and its own", (routingKey, mail, fields) => {
    const message = messageOf(mail)
    assert.strictEqual(message.routingKey, routingKey)
    assert.deepStrictEqual(JSON.parse(message.body), {
      user_id: userId,
      notification_id: id(9),
      email: "ada@example.com",
      language: "de",
      ...fields
    })
  })

  it.each(expected)("%s is the name of its kind in metrics and logs", (routingKey, mail) => {
    assert.strictEqual(Domain.mailTypeOf(mail._tag), routingKey)
  })

  it("carries the attributes of CloudEvents 1.0 and the trace of the change, and no token in them", () => {
    const { headers } = messageOf(new Domain.PasswordResetMail(withToken))
    assert.deepStrictEqual(headers, {
      "cloudEvents:id": id(9),
      "cloudEvents:source": "/user-service",
      "cloudEvents:type": "password_reset",
      "cloudEvents:specversion": "1.0",
      "cloudEvents:time": time,
      "cloudEvents:subject": userId,
      traceparent
    })
    assert.notProperty(messageOf(new Domain.EmailChangedMail(recipient), null).headers, "traceparent")
  })

  it.effect.prop("for any mail the body is decoded as the one declared for its routing key", [Domain.Mail], ([mail]) =>
    Effect.gen(function* () {
      const message = messageOf(mail)
      const json: unknown = JSON.parse(message.body)
      const decoded = yield* Schema.decodeUnknownEffect(mailBodies[message.routingKey])(json)
      assert.deepStrictEqual<unknown>(decoded, json)
      yield* Schema.decodeUnknownEffect(UserMailBody)(json)
      yield* Schema.decodeUnknownEffect(UserMailHeaders)(message.headers)
    })
  )
})
