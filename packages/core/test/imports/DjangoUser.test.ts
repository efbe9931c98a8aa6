import { assert, describe, it } from "@effect/vitest"
import { defaultSettings, switches } from "@user-service/domain/Preferences"
import { convert, type DjangoRow } from "@user-service/core/imports/DjangoUser"
import { DateTime, Result, String as Str } from "effect"

const id = "0193a5c2-7b1b-7d3e-8c01-00000000000A"
const rowId = "0193a5c2-7b1b-7d3e-8c01-00000000000b"

const user: DjangoRow = {
  id,
  email: "ana@example.com",
  username: "ana",
  password: "!unusable",
  is_active: true,
  date_joined: "2024-02-29T12:00:00+00:00"
}

const profile: DjangoRow = { id: rowId, first_name: "Ana" }

const preferences: DjangoRow = {
  id: rowId,
  ...Object.fromEntries(switches.map((name) => [Str.camelToSnake(name), defaultSettings[name]])),
  do_not_disturb_start: null,
  do_not_disturb_end: null,
  frequency_limit: 50
}

const pushToken: DjangoRow = {
  id: rowId,
  token: "a-token",
  platform: "android",
  is_active: true,
  created_at: "2024-03-01T12:00:00+00:00"
}

const converted = (rows: {
  readonly user?: DjangoRow
  readonly profile?: DjangoRow
  readonly preferences?: DjangoRow
  readonly pushToken?: DjangoRow
}) =>
  convert({
    user: { ...user, ...rows.user },
    profiles: rows.profile === undefined ? [] : [{ ...profile, ...rows.profile }],
    preferences: rows.preferences === undefined ? [] : [{ ...preferences, ...rows.preferences }],
    pushTokens: rows.pushToken === undefined ? [] : [{ ...pushToken, ...rows.pushToken }]
  }).conversion

const success = (rows: Parameters<typeof converted>[0]) => Result.getOrThrow(converted(rows))

const problem = (rows: Parameters<typeof converted>[0]) => {
  const result = converted(rows)
  return Result.isFailure(result) ? `${result.failure.table}: ${result.failure.problem}` : undefined
}

describe("the conversion of a user of the Django service", () => {
  it("keeps the UUID of the user in lower case, and no numbers as ids of the other rows", () => {
    const rows = { profile: { id: 5 }, preferences: { id: "7" }, pushToken: { id: 9 } }
    const { account, preferences, profile, pushTokens } = success(rows)
    assert.deepStrictEqual([account.id, profile?.id, preferences?.id, pushTokens[0]?.id], [
      id.toLowerCase(),
      null,
      null,
      null
    ] as ReadonlyArray<unknown>)
    assert.strictEqual(success({ profile: {} }).profile?.id, rowId)
    assert.strictEqual(problem({ user: { id: 5 } }), "users: id: Expected string")
    assert.strictEqual(problem({ user: { id: "5" } }), "users: id: Expected a UUID")
  })

  it("accepts every column at its limit, and refuses one character more without showing it", () => {
    assert.isUndefined(problem({ user: { username: "u".repeat(150), phone_number: "1".repeat(20) } }))
    assert.include(problem({ user: { username: "u".repeat(151) } }), "users: username: Enter a valid username")
    assert.include(problem({ user: { phone_number: "1".repeat(21) } }), "users: phone_number: Enter a valid phone")
    const local = "l".repeat(64)
    assert.isUndefined(problem({ user: { email: `${local}@example.com` } }))
    assert.strictEqual(
      problem({ user: { email: `${local}l@example.com` } }),
      "users: email: Enter a valid email address."
    )
    const limits = { first_name: 150, last_name: 150, bio: 2000 }
    for (const [column, limit] of Object.entries(limits)) {
      // A code point outside of the basic plane counts as one character, as in PostgreSQL.
      assert.isUndefined(problem({ profile: { [column]: "😀".repeat(limit) } }))
      assert.strictEqual(
        problem({ profile: { [column]: "😀".repeat(limit + 1) } }),
        `user_profiles: ${column}: Ensure this field has no more than ${limit} characters.`
      )
    }
    const avatar = "https://example.com/".padEnd(500, "a")
    assert.isUndefined(problem({ profile: { avatar_url: avatar } }))
    assert.include(problem({ profile: { avatar_url: `${avatar}a` } }), "user_profiles: avatar_url:")
  })

  it("refuses control characters in names, and keeps texts that only look like NUL", () => {
    assert.include(problem({ profile: { last_name: "a\u0007b" } }), "user_profiles: last_name: Line breaks")
    assert.include(problem({ profile: { bio: "a\u0000b" } }), "user_profiles: bio: Null characters")
    assert.strictEqual(
      success({ profile: { bio: String.raw`\u0000 \x00 %00` } }).profile?.bio,
      String.raw`\u0000 \x00 %00`
    )
  })

  it.each([
    ["2024-02-29T12:00:00.123456+00:00", "2024-02-29T12:00:00.123Z"],
    ["2024-02-29T12:00:00+05:30", "2024-02-29T06:30:00.000Z"],
    ["2024-02-29T12:00:00", "2024-02-29T12:00:00.000Z"],
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    ["0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59.999Z"]
  ])("converts the time %s to %s", (time, expected) => {
    assert.strictEqual(DateTime.formatIso(success({ user: { date_joined: time } }).account.createdAt), expected)
  })

  it.each(["infinity", "-infinity", "0044-03-15T00:00:00+00:00 BC", "10000-01-01T00:00:00+00:00", null, 5])(
    "refuses the time %s",
    (time) => {
      assert.include(problem({ user: { date_joined: time } }), "users: date_joined: Expected ")
    }
  )

  it("drops the fraction of a second from quiet hours, and refuses 24:00 and quiet hours without an end", () => {
    const hours = { do_not_disturb_start: "22:00:00.5", do_not_disturb_end: "07:30:00" }
    assert.strictEqual(success({ preferences: hours }).preferences?.doNotDisturbStart, "22:00:00")
    const midnight = { ...hours, do_not_disturb_end: "24:00:00" }
    assert.include(
      problem({ preferences: midnight }),
      "notification_preferences: do_not_disturb_end: Enter a valid time"
    )
    const open = { ...hours, do_not_disturb_end: null }
    assert.include(problem({ preferences: open }), "notification_preferences: do_not_disturb_end: Required")
  })

  it("refuses a switch without a value, because a default could switch it on", () => {
    assert.strictEqual(
      problem({ preferences: { email_marketing: null, push_security: null } }),
      "notification_preferences: email_marketing: Expected boolean; push_security: Expected boolean"
    )
    assert.strictEqual(problem({ user: { is_active: null } }), "users: is_active: Expected boolean")
  })

  it("leaves out a push token alone if it is malformed, and refuses one without a value for is_active", () => {
    const { badPushTokens, pushTokens } = success({ pushToken: { token: "with a space" } })
    assert.deepStrictEqual(
      [pushTokens, badPushTokens],
      [[], [{ table: "push_tokens", id: rowId, problem: "token: This is not a token of type fcm." }]]
    )
    assert.lengthOf(success({ pushToken: { is_active: null } }).badPushTokens, 1)
    assert.lengthOf(success({ pushToken: { last_used: null } }).pushTokens, 1)
  })

  it("makes a superuser an administrator and other staff viewers", () => {
    const role = (columns: DjangoRow) => success({ user: columns }).account.role
    assert.strictEqual(role({ is_superuser: true, is_staff: false }), "admin")
    assert.strictEqual(role({ is_superuser: false, is_staff: true }), "viewer")
    assert.isNull(role({ is_superuser: false, is_staff: false }))
    assert.isNull(role({}))
  })

  it("finds the mailbox of an address in any spelling, and makes up a username where there is none", () => {
    const { account } = success({ user: { email: " Ana@BÜCHER.example ", username: null } })
    assert.strictEqual(account.email, "ana@bücher.example")
    assert.strictEqual(account.emailCanonical, "ana@xn--bcher-kva.example")
    assert.strictEqual(account.username, "ana-00000000000A")
  })
})
