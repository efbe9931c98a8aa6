import { assert, describe, it } from "@effect/vitest"
import { finderOf, termsOf } from "@user-service/core/erasures/SearchTerms"
import { Effect } from "effect"

const vapid = JSON.stringify({ endpoint: "https://push.example/sub/9", keys: { auth: "a", p256dh: "b" } })

const ada = {
  id: "0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66",
  emails: ["ada@bücher.example", "ada@xn--bcher-kva.example"],
  username: "ada.lovelace",
  phoneNumber: "+44 20 7946 0000",
  deviceTokens: ["fcm:abc", vapid]
}

const find = finderOf(termsOf(ada))
const utf8 = new TextEncoder()

describe("the search for a user in a message", () => {
  for (const [name, message] of Object.entries({
    "the id in capitals": `{"user_id":"${ada.id.toUpperCase()}"}`,
    "the address in another case": "to: ADA@BÜCHER.example.",
    "the address with combining marks": "ada@bu\u0308cher.example",
    "the address in its canonical form": '"ada@xn--bcher-kva.example"',
    "the address with JSON escapes": String.raw`"ada\u0040b\u00FCcher.example"`,
    "the address in a URL": "?to=ada%40xn--bcher-kva.example",
    "the username": "name=ada.lovelace&x",
    "the phone number": "sms to +44 20 7946 0000 failed",
    "a push token": '{"push_token":"fcm:abc"}',
    "a push token that is JSON": JSON.stringify({ push_token: vapid }),
    "one that is escaped twice": JSON.stringify({ body: JSON.stringify({ push_token: vapid }) }),
    "after the first window": `${"x ".repeat(300_000)}ada.lovelace`,
    "at the border of a window": `${"x ".repeat(64 * 1024 - 3)}ada.lovelace${" y".repeat(100_000)}`
  })) {
    it.effect(`finds ${name}`, () =>
      Effect.map(find(utf8.encode(message)), (isFound) => assert.isTrue(isFound, message.slice(0, 200)))
    )
  }

  it.effect("finds the address between bytes that are no text, and in UTF-16", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* find(new Uint8Array([255, 0, ...utf8.encode("ada.lovelace"), 254])))
      assert.isTrue(yield* find(new Uint8Array([...utf8.encode("ada.lovelace")].flatMap((byte) => [byte, 0]))))
    })
  )

  it.effect("looks in each part", () => Effect.map(find(utf8.encode("{}"), "{}", "ada.lovelace"), assert.isTrue))

  for (const message of [
    "{}",
    "lada@xn--bcher-kva.example",
    "ada@xn--bcher-kva.example.au",
    "ada@xn--bcher-kva.example-corp",
    "mada.lovelace",
    "ada.lovelace2",
    "ada.lovelace@example.com",
    "+44 20 7946 00001"
  ]) {
    it.effect(`does not find another in ${message}`, () => Effect.map(find(utf8.encode(message)), assert.isFalse))
  }
})

describe("the terms of a user", () => {
  it("leave out what is in the messages of everybody", () => {
    const none = { ...ada, emails: [], deviceTokens: [] }
    for (const username of ["a", "bob", "status", "Delivered", "user_id"]) {
      assert.deepStrictEqual(termsOf({ ...none, username, phoneNumber: "12345" }), [ada.id])
    }
    assert.deepStrictEqual(termsOf({ ...none, phoneNumber: null }), [ada.id, "ada.lovelace"])
  })
})
