import { assert, describe, it } from "@effect/vitest"
import { finderOf } from "@user-service/core/erasures/LetterSearch"
import { termsOf } from "@user-service/core/erasures/SearchTerms"
import { Effect } from "effect"

const vapid = JSON.stringify({ endpoint: "https://push.example/sub/9", keys: { auth: "a", p256dh: "b" } })
const fcm = `cX1:APA91b${"Qz_-9".repeat(10)}`

const ada = {
  id: "0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66",
  emails: ["ada@bücher.example", "ada@xn--bcher-kva.example"],
  username: "ada.lovelace",
  phoneNumber: "+44 20 7946 0000",
  deviceTokens: [fcm, vapid]
}
const bob = "0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a67"

const utf8 = new TextEncoder()

const empty = { body: new Uint8Array(), headers: "{}", messageId: null, routingKey: "k" }
const bodyOf = (text: string) => ({ ...empty, body: utf8.encode(text) })
const find = finderOf(termsOf(ada))

describe("the search for a user in a message", () => {
  for (const [name, message] of Object.entries({
    "the id in capitals": `{"user_id":"${ada.id.toUpperCase()}"}`,
    "the id inside a word": `{"notification_id":"digest-${ada.id}_1"}`,
    "the address in another case": "to: ADA@BÜCHER.example.",
    "the address with combining marks": "ada@bu\u0308cher.example",
    "the address in its canonical form": '"ada@xn--bcher-kva.example"',
    "the address with JSON escapes": String.raw`"ada\u0040b\u00FCcher.example"`,
    "the address after an escaped line break": String.raw`{"error":"550 rejected\nada@bücher.example\r\n"}`,
    "the address after a line break that is escaped twice": String.raw`{"error":"{\"text\":\"x\\tada@bücher.example\"}"}`,
    "the address in a URL": "?to=ada%40xn--bcher-kva.example",
    "the address in a message that names another": `{"user_id":"${bob}","to":"ada@bücher.example"}`,
    "the username": '{"recipient":{"username":"Ada.Lovelace"}}',
    "the phone number": '{"to":["+44 20 7946 0000"]}',
    "a push token": `{"pushToken":"${fcm}"}`,
    "a push token in a text": `the registration ${fcm} is not valid`,
    "a push token that is JSON": JSON.stringify({ push_token: vapid }),
    "one that is escaped twice": JSON.stringify({ body: JSON.stringify({ push_token: vapid }) }),
    "after the first window": `${"x ".repeat(300_000)}${ada.id}`,
    "at the border of a window": `${"x ".repeat(64 * 1024 - 3)}ada@bücher.example${" y".repeat(100_000)}`
  })) {
    it.effect(`finds ${name}`, () =>
      Effect.map(find(bodyOf(message)), (isFound) => assert.isTrue(isFound, message.slice(0, 200)))
    )
  }

  it.effect("finds the address between bytes that are no text, and in UTF-16", () =>
    Effect.gen(function* () {
      const address = "ada@xn--bcher-kva.example"
      assert.isTrue(yield* find({ ...empty, body: new Uint8Array([255, 0, ...utf8.encode(address), 254]) }))
      assert.isTrue(
        yield* find({ ...empty, body: new Uint8Array([...utf8.encode(address)].flatMap((byte) => [byte, 0])) })
      )
    })
  )

  it.effect("looks for the id and the address in each part", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* find({ ...empty, headers: '{"x-user":"ada@xn--bcher-kva.example"}' }))
      assert.isTrue(yield* find({ ...empty, messageId: `digest-${ada.id}_1` }))
      assert.isTrue(yield* find({ ...empty, routingKey: `status.${ada.id}` }))
    })
  )

  for (const message of [
    "{}",
    "lada@xn--bcher-kva.example",
    "ada@xn--bcher-kva.example.au",
    "ada@xn--bcher-kva.example-corp",
    '{"username":"ada.lovelace2"}',
    '{"username":"x ada.lovelace"}',
    '{"status":"ada.lovelace"}',
    "ada.lovelace",
    '{"to":"+44 20 7946 00001"}',
    `${fcm}x`,
    `{"user_id":"${bob}","username":"ada.lovelace","push_token":"${fcm}"}`,
    `{"data":{"userId":7},"push_token":"${fcm}"}`,
    `user_id: ${bob}, token: ${fcm}`,
    `${"[".repeat(200_000)}`,
    `${"[".repeat(200_000)}${"]".repeat(200_000)}`
  ]) {
    it.effect(`does not find another in ${message.slice(0, 100)}`, () =>
      Effect.map(find(bodyOf(message)), assert.isFalse)
    )
  }
})

describe("what a user chose", () => {
  const letterOf = (status: string) => ({
    body: utf8.encode(
      JSON.stringify({ notification_id: "order-1815", status, error_code: "messaging/not-registered" })
    ),
    headers: JSON.stringify({ "x-reason": "failed", count: 1, queue: "user-service.notification-status" }),
    messageId: `digest-${bob}_1`,
    routingKey: "notification.status.delivered"
  })

  for (const text of [
    "{",
    '"status":"delivered"',
    '{"notification_id":"order-1815"',
    "x-reason",
    "count",
    "queue",
    "failed",
    "delivered",
    "status",
    "order-1815",
    "user-service.notification-status",
    "notification.status.delivered",
    bob,
    `digest-${bob}_1`
  ]) {
    it.effect(`finds no message of others: ${text}`, () =>
      Effect.gen(function* () {
        const hostile = finderOf(termsOf({ ...ada, username: text, deviceTokens: [text] }))
        assert.isFalse(yield* hostile(letterOf("delivered")))
      })
    )
  }
})
