import { assert, describe, it } from "@effect/vitest"
import { Delivery, DeliveryId, NotificationId } from "@user-service/domain/Delivery"
import { defaultSettings, Preferences } from "@user-service/domain/Preferences"
import { AvatarUrl, defaultLanguage, defaultTimeZone, Profile } from "@user-service/domain/Profile"
import { PushToken, PushTokenId } from "@user-service/domain/PushToken"
import { Session, SessionId } from "@user-service/domain/Session"
import { Email } from "@user-service/domain/Email"
import { User, UserId, Username } from "@user-service/domain/User"
import { DeliveryBody, deliveryBody } from "@user-service/schema/Delivery"
import { PreferencesBody, preferencesBody } from "@user-service/schema/Preferences"
import { PushTokenBody, pushTokenBody } from "@user-service/schema/PushToken"
import { SessionBody, sessionBody } from "@user-service/schema/Session"
import { timestamp } from "@user-service/schema/Timestamp"
import { ProfileBody, UserBody, userBody } from "@user-service/schema/User"
import { DateTime, Schema } from "effect"

const at = (text: string) => DateTime.makeUnsafe(text)
const id = (last: number) => `0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f0${last}`

const preferences = new Preferences({
  ...defaultSettings,
  id: id(2),
  createdAt: at("2026-11-23T08:15:00Z"),
  updatedAt: at("2026-11-23T08:15:00.5Z"),
  version: 7
})

const profile = new Profile({
  id: id(1),
  firstName: "Ada",
  lastName: "Lovelace",
  avatarUrl: AvatarUrl.make("https://example.com/ada.png"),
  timezone: defaultTimeZone,
  language: defaultLanguage,
  bio: "",
  createdAt: at("2026-11-23T08:15:00Z"),
  updatedAt: at("2026-11-23T08:15:00Z")
})

const user = new User({
  id: UserId.make(id(0)),
  email: Email.make("ada@example.com"),
  username: Username.make("ada"),
  phoneNumber: null,
  isVerified: false,
  isActive: true,
  createdAt: at("2026-11-23T08:15:00Z"),
  updatedAt: at("2026-11-23T10:15:00+02:00"),
  lastLoginAt: null,
  profile,
  preferences,
  pushTokensCount: 2,
  version: 3
})

describe("the fields of", () => {
  it.each([
    [
      "User",
      UserBody,
      "id email username phone_number is_verified is_active created_at updated_at last_login profile " +
        "notification_preferences push_tokens_count"
    ],
    [
      "Profile",
      ProfileBody,
      "id first_name last_name full_name avatar_url timezone language bio created_at updated_at"
    ],
    [
      "Preferences",
      PreferencesBody,
      "id email_enabled email_marketing email_transactional email_security email_system push_enabled push_marketing " +
        "push_transactional push_security push_system do_not_disturb_start do_not_disturb_end frequency_limit created_at " +
        "updated_at"
    ],
    [
      "PushToken",
      PushTokenBody,
      "id platform token_type device_id device_name is_active last_used created_at updated_at"
    ],
    ["Session", SessionBody, "id device_name user_agent ip created_at last_seen_at expires_at current"],
    [
      "Delivery",
      DeliveryBody,
      "id notification_id channel category status error error_code provider created_at updated_at"
    ]
  ] as const)("%s equal those of the contract", (_, body, fields) => {
    assert.deepStrictEqual(Object.keys(body.fields), fields.split(" "))
  })
})

describe("timestamp", () => {
  const untilTheYear10000 = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 253_402_300_799_999 }))

  it.prop("is RFC 3339 in UTC, to the millisecond", [untilTheYear10000], ([millis]) => {
    const written = timestamp(DateTime.makeUnsafe(millis))
    assert.match(written, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.strictEqual(DateTime.toEpochMillis(at(written)), millis)
  })
})

describe("userBody", () => {
  it("contains each field under its wire name and no other", () => {
    assert.deepStrictEqual(userBody(user), {
      id: id(0),
      email: "ada@example.com",
      username: "ada",
      phone_number: null,
      is_verified: false,
      is_active: true,
      created_at: "2026-11-23T08:15:00.000Z",
      updated_at: "2026-11-23T08:15:00.000Z",
      last_login: null,
      profile: {
        id: id(1),
        first_name: "Ada",
        last_name: "Lovelace",
        full_name: "Ada Lovelace",
        avatar_url: "https://example.com/ada.png",
        timezone: "UTC",
        language: "en",
        bio: "",
        created_at: "2026-11-23T08:15:00.000Z",
        updated_at: "2026-11-23T08:15:00.000Z"
      },
      notification_preferences: preferencesBody(preferences),
      push_tokens_count: 2
    })
  })

  it("the full name of a user without a name is the username", () => {
    const nameless = new User({ ...user, profile: new Profile({ ...profile, firstName: "", lastName: "" }) })
    assert.strictEqual(userBody(nameless).profile.full_name, "ada")
  })
})

describe("preferencesBody", () => {
  it("contains each field under its wire name, without the version", () => {
    assert.deepStrictEqual(preferencesBody(preferences), {
      id: id(2),
      email_enabled: true,
      email_marketing: true,
      email_transactional: true,
      email_security: true,
      email_system: true,
      push_enabled: true,
      push_marketing: false,
      push_transactional: true,
      push_security: true,
      push_system: true,
      do_not_disturb_start: null,
      do_not_disturb_end: null,
      frequency_limit: 50,
      created_at: "2026-11-23T08:15:00.000Z",
      updated_at: "2026-11-23T08:15:00.500Z"
    })
  })
})

describe("pushTokenBody", () => {
  it("contains each field under its wire name, without the token", () => {
    const token = new PushToken({
      id: PushTokenId.make(id(3)),
      platform: "ios",
      tokenType: "apns",
      deviceId: "C7D2",
      deviceName: "Ada's phone",
      isActive: true,
      lastUsedAt: at("2026-11-24T00:00:00Z"),
      createdAt: at("2026-11-23T08:15:00Z"),
      updatedAt: at("2026-11-24T00:00:00Z")
    })
    assert.deepStrictEqual(pushTokenBody(token), {
      id: id(3),
      platform: "ios",
      token_type: "apns",
      device_id: "C7D2",
      device_name: "Ada's phone",
      is_active: true,
      last_used: "2026-11-24T00:00:00.000Z",
      created_at: "2026-11-23T08:15:00.000Z",
      updated_at: "2026-11-24T00:00:00.000Z"
    })
  })
})

describe("sessionBody", () => {
  const session = new Session({
    id: SessionId.make(id(4)),
    deviceName: "Ada's phone",
    userAgent: "Notes/4.2",
    ip: null,
    createdAt: at("2026-11-23T08:15:00Z"),
    lastSeenAt: at("2026-11-24T00:00:00Z"),
    expiresAt: at("2026-11-30T08:15:00Z")
  })

  it("has each field under its wire name", () => {
    assert.deepStrictEqual(sessionBody(session, SessionId.make(id(4))), {
      id: id(4),
      device_name: "Ada's phone",
      user_agent: "Notes/4.2",
      ip: null,
      created_at: "2026-11-23T08:15:00.000Z",
      last_seen_at: "2026-11-24T00:00:00.000Z",
      expires_at: "2026-11-30T08:15:00.000Z",
      current: true
    })
  })

  it("only the session of the caller is marked as current", () => {
    assert.isFalse(sessionBody(session, SessionId.make(id(5))).current)
  })
})

describe("deliveryBody", () => {
  it("has each field under its wire name", () => {
    const delivery = new Delivery({
      id: DeliveryId.make(id(6)),
      notificationId: NotificationId.make("order-1815"),
      channel: "push",
      category: null,
      status: "failed",
      error: "The device is gone",
      errorCode: "UNREGISTERED",
      provider: "fcm",
      createdAt: at("2026-11-23T08:15:00Z"),
      updatedAt: at("2026-11-24T00:00:00Z")
    })
    assert.deepStrictEqual(deliveryBody(delivery), {
      id: id(6),
      notification_id: "order-1815",
      channel: "push",
      category: null,
      status: "failed",
      error: "The device is gone",
      error_code: "UNREGISTERED",
      provider: "fcm",
      created_at: "2026-11-23T08:15:00.000Z",
      updated_at: "2026-11-24T00:00:00.000Z"
    })
  })
})
