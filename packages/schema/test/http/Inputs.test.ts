import { assert, describe, it } from "@effect/vitest"
import { ChangePasswordInput, LoginInput, RegisterInput } from "@user-service/schema/http/AccountsApi"
import { ProfileInput } from "@user-service/schema/http/ProfilesApi"
import { PushTokenInput, RegisterPushTokenInput } from "@user-service/schema/http/PushTokensApi"
import { RefreshInput } from "@user-service/schema/http/SessionsApi"
import { Effect, Schema } from "effect"
import { problemsOf } from "../decode.ts"

const account = { email: "ada@example.com", password: "correct horse" }
const required = "This field is required."

// The fields that have problems, whatever is said of them.
const wrong = (schema: Schema.Codec<unknown, unknown>, input: unknown) =>
  Effect.map(problemsOf(schema, input), (problems) =>
    [...new Set(problems.map((problem) => problem.slice(0, problem.indexOf(":"))))].toSorted()
  )

describe("RegisterInput", () => {
  it.effect("needs only an e-mail address and a password, and ignores unknown fields", () =>
    Effect.gen(function* () {
      const input = yield* Schema.decodeUnknownEffect(RegisterInput)({ ...account, is_staff: true, bio: "\0" })
      assert.deepStrictEqual(Object.keys(input), ["email", "password"])
    })
  )

  it.effect("reports all invalid fields at once, at their places in the input", () =>
    Effect.gen(function* () {
      const input = {
        email: "ada",
        password: "",
        name: "a\0",
        first_name: "a".repeat(151),
        last_name: 7,
        username: "ada lovelace",
        phone_number: "none",
        push_token: " ",
        preferences: { email: "true", push: 1 }
      }
      assert.deepStrictEqual(yield* wrong(RegisterInput, input), [
        "email",
        "first_name",
        "last_name",
        "name",
        "password",
        "phone_number",
        "preferences.email",
        "preferences.push",
        "push_token",
        "username"
      ])
    })
  )

  it.effect("requires that the repeated password is the same", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(RegisterInput, { ...account, password_confirm: account.password }), [])
      assert.deepStrictEqual(yield* problemsOf(RegisterInput, { ...account, password_confirm: "correct hose" }), [
        "password_confirm: The two passwords do not match."
      ])
    })
  )

  it.effect.each([null, "text", 7, [], true])("%j is refused as a body, with a problem of no field", (body) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrong(RegisterInput, body), [""])
    })
  )
})

describe("LoginInput", () => {
  it.effect("requires both fields, and accepts a password that breaks the rules for new ones", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* wrong(LoginInput, {}), ["email", "password"])
      assert.deepStrictEqual(yield* wrong(LoginInput, { email: "ada@example.com", password: "1" }), [])
    })
  )
})

describe("ChangePasswordInput", () => {
  it.effect("requires all three fields, and that the last two are the same", () =>
    Effect.gen(function* () {
      const input = { old_password: "a", new_password: "b", new_password_confirm: "c" }
      assert.deepStrictEqual(yield* problemsOf(ChangePasswordInput, {}), [
        `old_password: ${required}`,
        `new_password: ${required}`,
        `new_password_confirm: ${required}`
      ])
      assert.deepStrictEqual(yield* problemsOf(ChangePasswordInput, input), [
        "new_password_confirm: The two passwords do not match."
      ])
    })
  )
})

describe("RefreshInput", () => {
  it.effect("accepts the token under either name, and requires one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(RefreshInput, { refresh: "a" }), [])
      assert.deepStrictEqual(yield* problemsOf(RefreshInput, { refresh_token: "a" }), [])
      assert.deepStrictEqual(yield* problemsOf(RefreshInput, {}), [`refresh: ${required}`])
      assert.deepStrictEqual(yield* wrong(RefreshInput, { refresh_token: "" }), ["refresh_token"])
    })
  )
})

describe("ProfileInput", () => {
  it.effect("keeps absent fields, and accepts null only for the phone number and the picture", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknownEffect(ProfileInput)
      assert.deepStrictEqual(yield* decode({}), {})
      const emptied = { phone_number: null, profile: { avatar_url: null } }
      assert.deepStrictEqual<unknown>(yield* decode(emptied), { phoneNumber: null, profile: { avatarUrl: null } })
      assert.deepStrictEqual(
        yield* wrong(ProfileInput, {
          username: null,
          profile: { first_name: null, last_name: null, timezone: null, language: null, bio: null }
        }),
        ["profile.bio", "profile.first_name", "profile.language", "profile.last_name", "profile.timezone", "username"]
      )
    })
  )
})

describe("RegisterPushTokenInput", () => {
  it.effect("requires token and platform", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(RegisterPushTokenInput, {}), [
        `token: ${required}`,
        `platform: ${required}`
      ])
    })
  )

  it.effect.each([
    ["token", "a".repeat(4097)],
    ["token", ""],
    ["platform", "windows"],
    ["platform", "IOS"],
    ["token_type", "gcm"],
    ["device_id", null],
    ["device_id", "a".repeat(256)],
    ["device_name", "a".repeat(256)],
    ["is_active", "true"]
  ])("%s is not %j", ([field, value]) =>
    Effect.gen(function* () {
      const input = { token: "a", platform: "ios", [field as string]: value }
      assert.deepStrictEqual(yield* wrong(RegisterPushTokenInput, input), [field])
    })
  )
})

describe("PushTokenInput", () => {
  it.effect.each(["a", null, 7])("refuses a change of token and platform, also to %j", (value) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf(PushTokenInput, { token: value, platform: value, is_active: true }), [
        "token: This field cannot be changed.",
        "platform: This field cannot be changed."
      ])
    })
  )
})
