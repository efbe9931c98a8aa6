import { assert, describe, it } from "@effect/vitest"
import * as Domain from "@user-service/domain/DomainEvent"
import { defaultSettings, Preferences } from "@user-service/domain/Preferences"
import { DeviceToken, PushTokenId } from "@user-service/domain/PushToken"
import { SessionId } from "@user-service/domain/Session"
import { Email } from "@user-service/domain/Email"
import { UserId, Username } from "@user-service/domain/User"
import { bodies, UserEventBody, userEventMessage } from "@user-service/schema/amqp/UserEvents"
import { preferencesBody } from "@user-service/schema/Preferences"
import { DateTime, Effect, Schema } from "effect"

const id = (last: number) => `0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f0${last}`
const userId = UserId.make(id(0))
const tokenId = PushTokenId.make(id(3))
const token = DeviceToken.make("fcm:abc")
const occurredAt = DateTime.makeUnsafe("2026-11-24T11:02:00.5+01:00")
const time = "2026-11-24T10:02:00.500Z"
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

const preferences = new Preferences({
  ...defaultSettings,
  id: id(2),
  createdAt: DateTime.makeUnsafe("2026-11-23T08:15:00Z"),
  updatedAt: occurredAt,
  version: 7
})

const messageOf = (event: Domain.DomainEvent, trace: string | null = traceparent) =>
  userEventMessage({ id: id(9), event, occurredAt, traceparent: trace })

const expected: ReadonlyArray<
  readonly [routingKey: string, priority: number | undefined, event: Domain.DomainEvent, body: object]
> = [
  [
    "user.registered",
    5,
    new Domain.UserRegistered({ userId, email: Email.make("ada@example.com"), username: Username.make("ada") }),
    { event_type: "user_registered", email: "ada@example.com", username: "ada" }
  ],
  [
    "user.updated",
    undefined,
    new Domain.UserUpdated({
      userId,
      updatedFields: {
        username: "ada",
        phoneNumber: null,
        firstName: "Ada",
        lastName: "",
        avatarUrl: null,
        timezone: "UTC",
        language: "en",
        bio: "x"
      }
    }),
    {
      event_type: "user_updated",
      updated_fields: {
        username: "ada",
        phone_number: null,
        first_name: "Ada",
        last_name: "",
        avatar_url: null,
        timezone: "UTC",
        language: "en",
        bio: "x"
      }
    }
  ],
  [
    "user.deleted",
    undefined,
    new Domain.UserDeleted({ userId, sessionIds: [SessionId.make(id(4))] }),
    { event_type: "user_deleted" }
  ],
  [
    "user.password_changed",
    undefined,
    new Domain.UserPasswordChanged({ userId }),
    { event_type: "user_password_changed" }
  ],
  ["user.email_changed", undefined, new Domain.UserEmailChanged({ userId }), { event_type: "user_email_changed" }],
  ["user.email_verified", undefined, new Domain.UserEmailVerified({ userId }), { event_type: "user_email_verified" }],
  ["user.logged_in", undefined, new Domain.UserLoggedIn({ userId }), { event_type: "user_logged_in" }],
  ["user.disabled", undefined, new Domain.UserDisabled({ userId }), { event_type: "user_disabled" }],
  ["user.enabled", undefined, new Domain.UserEnabled({ userId }), { event_type: "user_enabled" }],
  [
    "session.revoked",
    undefined,
    new Domain.SessionRevoked({ userId, sessionId: SessionId.make(id(4)), reason: "reuse_detected" }),
    { event_type: "session_revoked", session_id: id(4), reason: "reuse_detected" }
  ],
  [
    "sessions.all_revoked",
    undefined,
    new Domain.AllSessionsRevoked({ notBefore: occurredAt }),
    { event_type: "sessions_all_revoked", not_before: time }
  ],
  [
    "preferences.updated",
    undefined,
    new Domain.PreferencesUpdated({ userId, preferences }),
    { event_type: "preferences_updated", preferences: preferencesBody(preferences), version: 7 }
  ],
  [
    "token.added",
    3,
    new Domain.PushTokenAdded({ userId, tokenId, token, platform: "android" }),
    { event_type: "push_token_added", token_id: id(3), token: "fcm:abc", device_type: "android" }
  ],
  [
    "token.removed",
    undefined,
    new Domain.PushTokenRemoved({ userId, tokenId, token, platform: "web", reason: "logged_out" }),
    {
      event_type: "push_token_removed",
      token_id: id(3),
      token: "fcm:abc",
      device_type: "web",
      reason: "logged_out"
    }
  ]
]

describe("userEventMessage", () => {
  it("is tested here with every event", () => {
    assert.deepStrictEqual(
      expected.map(([, , event]) => event._tag),
      Domain.DomainEvent.members.map((member) => member.fields._tag.schema.literal)
    )
    assert.deepStrictEqual(
      expected.map(([routingKey]) => routingKey),
      Object.keys(bodies)
    )
  })

  it.each(expected)("%s is published with priority %s", (routingKey, priority, event, body) => {
    const message = messageOf(event)
    assert.deepStrictEqual([message.routingKey, message.priority], [routingKey, priority])
    const subject = "userId" in event ? { user_id: userId } : {}
    assert.deepStrictEqual(JSON.parse(message.body), { ...subject, timestamp: time, ...body })
  })

  it("carries the attributes of CloudEvents 1.0 and the trace of the change", () => {
    assert.deepStrictEqual(messageOf(new Domain.UserLoggedIn({ userId })).headers, {
      "cloudEvents:id": id(9),
      "cloudEvents:source": "/user-service",
      "cloudEvents:type": "user.logged_in",
      "cloudEvents:specversion": "1.0",
      "cloudEvents:time": time,
      "cloudEvents:subject": userId,
      traceparent
    })
  })

  it("has no subject if it is about all users", () => {
    const event = new Domain.AllSessionsRevoked({ notBefore: occurredAt })
    assert.notProperty(messageOf(event).headers, "cloudEvents:subject")
  })

  it("of an untraced change carries no trace", () => {
    assert.notProperty(messageOf(new Domain.UserLoggedIn({ userId }), null).headers, "traceparent")
  })

  it.effect.prop(
    "for any event the body is decoded as the one declared for its routing key",
    [Domain.DomainEvent],
    ([event]) =>
      Effect.gen(function* () {
        const message = messageOf(event)
        const json: unknown = JSON.parse(message.body)
        const decoded = yield* Schema.decodeUnknownEffect(bodies[message.routingKey])(json)
        assert.deepStrictEqual<unknown>(decoded, json)
        assert.deepStrictEqual<unknown>(yield* Schema.decodeUnknownEffect(UserEventBody)(json), json)
      })
  )

  it.each(Object.entries(bodies))(
    "the event type of %s is its routing key with underscores, and push_token for token",
    (routingKey, body) => {
      assert.strictEqual(
        body.fields.event_type.literal,
        routingKey.replace(/^token\./, "push_token.").replaceAll(".", "_")
      )
    }
  )
})
