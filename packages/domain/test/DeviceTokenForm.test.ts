import { assert, describe, it } from "@effect/vitest"
import { DeviceTokenMalformed, FcmToken, formOf, spellingsOf } from "@user-service/domain/DeviceTokenForm"
import { DeviceToken, TokenType } from "@user-service/domain/PushToken"
import { Effect, Option, Schema } from "effect"
import { accepts } from "./accepts.ts"
import { anyText } from "./anyText.ts"

const form = (type: TokenType, token: string) => Option.getOrUndefined(formOf(type, DeviceToken.make(token)))

const apns = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
const uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
const endpoint = "https://fcm.googleapis.com/fcm/send/dGVzdA:APA91bF"
const p256dh = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYcp7xM"
const auth = "tBHItJI5svbpez7KI4CCXg"
const subscription = JSON.stringify({ endpoint, keys: { p256dh, auth } })

describe("formOf", () => {
  it.each([
    ["lower case", apns],
    ["upper case", apns.toUpperCase()],
    ["groups of eight", `<${apns.match(/.{8}/g)?.join(" ")}>`],
    ["groups of eight in upper case, without brackets", apns.toUpperCase().match(/.{8}/g)?.join(" ") ?? ""]
  ])("an APNs token in %s has the same form", (_, token) => {
    assert.strictEqual(form("apns", token), apns)
  })

  it.each([8, 32, 80, 100, 256])("an APNs token may have %i bytes", (bytes) => {
    assert.strictEqual(form("apns", "A0".repeat(bytes)), "a0".repeat(bytes))
  })

  it.each([
    "not hex at all",
    apns.slice(1),
    `${apns}g`,
    "<>",
    "ab".repeat(7),
    "ab".repeat(257),
    `0x${apns}`,
    `${apns}\n`,
    "{length = 32, bytes = 0x740f4707 bebcf74f ... }"
  ])("%j is refused as an APNs token", (token) => {
    assert.isUndefined(form("apns", token))
  })

  it.each([
    ["another order", JSON.stringify({ keys: { auth, p256dh }, endpoint })],
    ["white space", JSON.stringify({ endpoint, keys: { p256dh, auth } }, null, 2)],
    ["an expiration time", JSON.stringify({ endpoint, expirationTime: 1767225600000, keys: { p256dh, auth } })],
    ["no expiration time", JSON.stringify({ endpoint, expirationTime: null, keys: { p256dh, auth } })],
    ["escapes", subscription.replaceAll("/", "\\/")],
    [
      "base64",
      JSON.stringify({
        endpoint,
        keys: { p256dh: `${p256dh.replace("_", "/").replace("-", "+")}=`, auth: `${auth}==` }
      })
    ],
    ["a host in capitals and a port", subscription.replace("fcm.googleapis.com", "FCM.googleapis.com:443")]
  ])("a subscription with %s has the same form", (_, token) => {
    assert.strictEqual(form("vapid", token), subscription)
  })

  it.each([
    "{}",
    endpoint,
    "[]",
    "null",
    '{"endpoint"',
    JSON.stringify({ endpoint }),
    JSON.stringify({ endpoint, keys: { p256dh } }),
    JSON.stringify({ endpoint, keys: { p256dh, auth: "" } }),
    JSON.stringify({ endpoint, keys: { p256dh, auth: 1 } }),
    JSON.stringify({ endpoint, keys: { p256dh: "not base64!", auth } }),
    JSON.stringify({ endpoint: "http://push.example.com/1", keys: { p256dh, auth } }),
    JSON.stringify({ endpoint: "https://user:pass@push.example.com/1", keys: { p256dh, auth } }),
    JSON.stringify({ endpoint: "push.example.com", keys: { p256dh, auth } })
  ])("%s is refused as a subscription", (token) => {
    assert.isUndefined(form("vapid", token))
  })

  const withKeys = (keys: { readonly p256dh?: string; readonly auth?: string }) =>
    JSON.stringify({ endpoint, keys: { p256dh, auth, ...keys } })
  const bytes = (...of: ReadonlyArray<number>) => Buffer.from(of).toString("base64url")
  const point = (first: number, length: number) => bytes(first, ...new Uint8Array(length - 1).fill(0xff))

  it("a subscription needs a point of 65 bytes that begins with 4, and a secret of 16 bytes", () => {
    for (const first of Array.from({ length: 256 }, (_, byte) => byte)) {
      const token = withKeys({ p256dh: point(first, 65) })
      assert.strictEqual(form("vapid", token), first === 4 ? token : undefined, `${first}`)
    }
    for (const length of [1, 33, 64, 66, 67]) {
      assert.isUndefined(form("vapid", withKeys({ p256dh: point(4, length) })), `${length}`)
    }
    for (const length of [1, 15, 16, 17, 18, 32]) {
      for (const filler of [0, 0xff]) {
        const token = withKeys({ auth: Buffer.alloc(length, filler).toString("base64url") })
        assert.strictEqual(form("vapid", token), length === 16 ? token : undefined, `${length}`)
      }
    }
  })

  it("a key has a single text: the unused bits of its last character must be zero", () => {
    assert.isUndefined(form("vapid", withKeys({ p256dh: p256dh.replace(/M$/, "N") })))
    assert.isUndefined(form("vapid", withKeys({ auth: auth.replace(/g$/, "h") })))
  })

  it("the endpoint of a subscription may have no fragment", () => {
    for (const fragment of ["#", "#1"]) {
      assert.isUndefined(form("vapid", JSON.stringify({ endpoint: `${endpoint}${fragment}`, keys: { p256dh, auth } })))
    }
  })

  it("the form of a OneSignal id is a UUID in lower case", () => {
    assert.strictEqual(form("onesignal", uuid.toUpperCase()), uuid)
    for (const token of ["player", `{${uuid}}`, uuid.replaceAll("-", ""), ` ${uuid}`]) {
      assert.isUndefined(form("onesignal", token), token)
    }
  })

  it("an Expo token keeps its case and its prefix", () => {
    for (const token of ["ExponentPushToken[aB-9_x]", "ExpoPushToken[aB-9_x]", uuid]) {
      assert.strictEqual(form("expo", token), token)
    }
    assert.strictEqual(form("expo", uuid.toUpperCase()), uuid)
    for (const token of ["ExponentPushToken[]", "ExponentPushToken[a", "exponentpushtoken[a]", "Expo[a]", "a"]) {
      assert.isUndefined(form("expo", token), token)
    }
    assert.isUndefined(form("expo", "ExponentPushToken[a b]"))
    assert.isUndefined(form("expo", "ExponentPushToken[a]]"))
    assert.strictEqual(form("expo", "ExpoPushToken[!Z\\^~]"), "ExpoPushToken[!Z\\^~]")
    for (const other of ["é", "📱", "\u007f", "a\u202e"]) {
      assert.isUndefined(form("expo", `ExponentPushToken[${other}]`), other)
    }
  })

  it("an FCM token of printable ASCII stays unchanged", () => {
    const token = "dGVzdA:APA91bF_-~!"
    assert.strictEqual(form("fcm", token), token)
    for (const other of ["a b", " a", "a\n", "é", "a\u007f", "📱"]) assert.isUndefined(form("fcm", other), other)
  })

  it.prop("the form of a form is the form itself, for any text", [anyText], ([text]) => {
    if (!Schema.is(DeviceToken)(text)) return
    for (const type of TokenType.literals) {
      const first = formOf(type, text)
      assert.deepStrictEqual(
        Option.flatMap(first, (token) => formOf(type, token)),
        first
      )
    }
  })
})

describe("spellingsOf", () => {
  it("most tokens have one spelling", () => {
    for (const token of ["dGVzdA:APA91bF", apns, uuid, subscription, "ExpoPushToken[x]", "two words"]) {
      assert.deepStrictEqual(spellingsOf(DeviceToken.make(token)), [DeviceToken.make(token)])
    }
  })

  it("contains the canonical form for each type", () => {
    const spelled = DeviceToken.make(apns.toUpperCase())
    assert.deepStrictEqual(spellingsOf(spelled), [spelled, DeviceToken.make(apns)])
    const spaced = DeviceToken.make(` ${subscription}`)
    assert.deepStrictEqual(spellingsOf(spaced), [spaced, DeviceToken.make(subscription)])
  })
})

describe("FcmToken", () => {
  it.effect("accepts only printable ASCII", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(FcmToken, "a-token-of-the-device"))
      assert.isFalse(yield* accepts(FcmToken, "a token"))
    })
  )
})

describe("DeviceTokenMalformed", () => {
  it("has a message that describes the tokens of the type", () => {
    const messages = TokenType.literals.map(
      (tokenType) => new DeviceTokenMalformed({ field: "token", tokenType }).message
    )
    assert.strictEqual(new Set(messages).size, TokenType.literals.length)
  })
})
