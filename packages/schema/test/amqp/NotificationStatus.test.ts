import { assert, describe, it } from "@effect/vitest"
import { NotificationId, StatusReport } from "@user-service/domain/Delivery"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { UserId } from "@user-service/domain/User"
import { readNotificationStatus } from "@user-service/schema/amqp/NotificationStatus"
import { statusReport, StatusReportInput } from "@user-service/schema/Delivery"
import { DateTime, Effect, Option, Schema, Struct } from "effect"
import { problemsOf } from "../decode.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (body: unknown) => Option.getOrUndefined(readNotificationStatus(bytes(JSON.stringify(body))))
const least = { notification_id: "n-1", status: "sent" }
const userId = UserId.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f00")
const tokenId = PushTokenId.make("0193a5c3-02aa-7e0f-8d51-6b7f4e9a1c20")

const inSmallLetters = ({ pushTokenId, userId, ...rest }: StatusReport): StatusReport => ({
  ...rest,
  ...(userId === undefined ? {} : { userId: UserId.make(userId.toLowerCase()) }),
  ...(pushTokenId === undefined ? {} : { pushTokenId: PushTokenId.make(pushTokenId.toLowerCase()) })
})

describe("a received status", () => {
  it("needs only an id and a status", () => {
    assert.deepStrictEqual(read(least), { notificationId: NotificationId.make("n-1"), status: "sent" })
  })

  it("accepts all optional fields", () => {
    const body = {
      notification_id: "n-1",
      status: "failed",
      channel: "push",
      user_id: userId,
      push_token_id: tokenId,
      push_token: "fcm:abc",
      timestamp: "2026-11-24T12:02:00.123456+02:00",
      error: "gone",
      error_code: "UNREGISTERED",
      bounce_type: "hard",
      provider: "fcm",
      something: "else"
    }
    assert.deepStrictEqual(read(body), {
      notificationId: NotificationId.make("n-1"),
      status: "failed",
      channel: "push",
      userId,
      pushTokenId: tokenId,
      pushToken: DeviceToken.make("fcm:abc"),
      timestamp: DateTime.makeUnsafe("2026-11-24T10:02:00.123Z"),
      error: "gone",
      errorCode: "UNREGISTERED",
      bounceType: "hard",
      provider: "fcm"
    })
  })

  it("treats null as an absent field", () => {
    const optional = Object.keys(StatusReportInput.fields).filter((name) => !(name in least))
    assert.lengthOf(optional, 9)
    assert.deepStrictEqual(read({ ...least, ...Object.fromEntries(optional.map((name) => [name, null])) }), read(least))
  })

  it("converts ids to lower case, as they are stored", () => {
    const report = read({ ...least, user_id: userId.toUpperCase(), push_token_id: tokenId.toUpperCase() })
    assert.deepStrictEqual([report?.userId, report?.pushTokenId], [userId, tokenId])
  })

  it("accepts an id of at most 128 characters, of any size in bytes, and a token of at most 4,096", () => {
    assert.strictEqual(read({ ...least, notification_id: "💥".repeat(128) })?.notificationId, "💥".repeat(128))
    assert.isUndefined(read({ ...least, notification_id: "x".repeat(129) }))
    assert.isUndefined(read({ ...least, push_token: "x".repeat(4097) }))
  })

  it.each([
    {},
    [],
    null,
    "sent",
    { status: "sent" },
    { notification_id: "n-1" },
    { ...least, notification_id: "" },
    { ...least, notification_id: 7 },
    { ...least, notification_id: "n\0" },
    { ...least, notification_id: "\ud800" },
    { ...least, status: "SENT" },
    { ...least, status: null },
    { ...least, channel: "sms" },
    { ...least, user_id: "7" },
    { ...least, push_token_id: "7" },
    { ...least, push_token: "" },
    { ...least, timestamp: "yesterday" },
    { ...least, timestamp: "2026-11-24" },
    { ...least, timestamp: "2026-11-24T10:00:00" },
    { ...least, timestamp: "2026-13-24T10:00:00Z" },
    { ...least, timestamp: "2026-11-31T00:00:00Z" },
    { ...least, timestamp: "2026-11-24T24:00:00Z" },
    { ...least, timestamp: 1_764_000_000 },
    { ...least, error: "a\0b" },
    { ...least, error: 404 },
    { ...least, error_code: "\0" },
    { ...least, bounce_type: "rubber" },
    { ...least, provider: ["ses"] }
  ])("%j is refused", (body) => {
    assert.isUndefined(read(body))
  })

  it.each([
    ["nothing", bytes("")],
    ["no JSON", bytes("{'notification_id': 'n-1'}")],
    ["half of it", bytes('{"notification_id":"n-1","status":"se')],
    ["no UTF-8", new Uint8Array([...bytes('{"notification_id":"n-'), 0xff, ...bytes('","status":"sent"}')])],
    ["another encoding", new Uint8Array(Buffer.from(JSON.stringify(least), "utf16le"))],
    ["a very deep list", bytes("[".repeat(200_000))]
  ])("%s is refused", (_, body) => {
    assert.isTrue(Option.isNone(readNotificationStatus(body)))
  })

  it("is accepted after a byte order mark", () => {
    assert.isTrue(Option.isSome(readNotificationStatus(bytes(`\uFEFF${JSON.stringify(least)}`))))
  })

  it.effect("reports a missing field as any other body does", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(StatusReportInput, {}), [
        "notification_id: This field is required.",
        "status: This field is required."
      ])
    })
  )

  // Not the times, of which some are in years that RFC 3339 has no digits for.
  const timeless = Schema.Struct(Struct.omit(StatusReportInput.fields, ["timestamp"]))
  it.effect.prop("accepts everything that a sender encodes with the schema", [timeless], ([body]) =>
    Effect.gen(function* () {
      const encoded = yield* Schema.encodeEffect(StatusReportInput)(body)
      const report = read(encoded)
      assert.deepStrictEqual(report, inSmallLetters(statusReport(body)))
      assert.isTrue(Schema.is(StatusReport)(report))
    })
  )
})
