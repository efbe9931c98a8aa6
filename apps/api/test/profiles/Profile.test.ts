import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertInvalid, assertUnauthenticated, successData, time } from "../Answers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/profile/"

const find = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) =>
    Effect.map(send("GET", path, { token }), (answer) =>
      successData(answer, 200, "User profile retrieved successfully")
    )
  )

const update = (token: string, body: unknown, method = "PATCH") =>
  Effect.flatMap(TestApi, ({ send }) => send(method, path, { token, body }))

const updated = (token: string, body: unknown, method = "PATCH") =>
  Effect.map(update(token, body, method), (answer) => successData(answer, 200, "Profile updated successfully"))

const fresh = () => randomUUID().replaceAll("-", "").slice(0, 12)

describe("a user's profile", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("is the whole user", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, email, id } = yield* api.person({ name: "Ada Lovelace" })
        const user = yield* find(access)
        assert.deepStrictEqual(Object.keys(user).toSorted(), [
          "created_at",
          "email",
          "id",
          "is_active",
          "is_verified",
          "last_login",
          "notification_preferences",
          "phone_number",
          "profile",
          "push_tokens_count",
          "updated_at",
          "username"
        ])
        assert.deepInclude(user, { id, email, is_active: true, is_verified: false, push_tokens_count: 0 })
        assert.strictEqual(user.profile.full_name, "Ada Lovelace")
        const { body } = yield* api.send("GET", "/api/v1/users/preferences/", { token: access })
        assert.deepStrictEqual(user.notification_preferences, body.data)
      })
    )

    it.effect("is updated in part by PUT and PATCH alike, which return the whole user", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const method of ["PUT", "PATCH"]) {
          const { access } = yield* api.person({ name: "Ada Lovelace", phone_number: "123" })
          const before = yield* find(access)
          const username = fresh()
          const profile = {
            first_name: "Augusta",
            avatar_url: "https://img.example.com/a.png?size=1#x",
            timezone: "Europe/London",
            language: "en-GB",
            bio: "First\nprogrammer 👩‍💻"
          }
          const after = yield* updated(access, { username, profile }, method)
          assert.match(after.updated_at, time)
          assert.isAbove(Date.parse(after.updated_at), Date.parse(before.updated_at))
          assert.deepStrictEqual(after, {
            ...before,
            username,
            updated_at: after.updated_at,
            profile: {
              ...before.profile,
              ...profile,
              full_name: "Augusta Lovelace",
              updated_at: after.profile.updated_at
            }
          })
          assert.deepStrictEqual(yield* find(access), after)
        }
      })
    )

    it.effect("shows a change in the next read, although it was cached", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const bio of ["a", "b", "c"]) {
          yield* find(access)
          yield* updated(access, { profile: { bio } })
          assert.strictEqual((yield* find(access)).profile.bio, bio)
        }
      })
    )

    it.effect("loses the phone number and the picture by null, and a name by an empty text", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person({ phone_number: "+1 (2) 3-4", name: "Ada Lovelace" })
        yield* updated(access, { profile: { avatar_url: "http://a.example/b" } })
        const user = yield* updated(access, {
          phone_number: null,
          profile: { avatar_url: null, first_name: "", last_name: "", bio: "" }
        })
        assert.isNull(user.phone_number)
        assert.isNull(user.profile.avatar_url)
        assert.strictEqual(user.profile.full_name, user.username)
      })
    )

    it.effect("does not change by an empty update or by unknown fields", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const before = yield* find(access)
        for (const body of [
          {},
          { profile: {} },
          { email: "x@example.com", is_verified: true, id: "x", is_staff: true }
        ]) {
          const { updated_at, ...user } = yield* updated(access, body)
          assert.match(updated_at, time)
          const { updated_at: _, ...known } = before
          assert.deepStrictEqual(user, known)
        }
      })
    )

    it.effect("has a username that is unique regardless of case, and whose case may change", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const username = fresh()
        yield* api.person({ username })
        const { access } = yield* api.person()
        assertInvalid(yield* update(access, { username: username.toUpperCase(), profile: { bio: "b" } }), {
          username: ["A user with that username already exists."]
        })
        assert.strictEqual((yield* find(access)).profile.bio, "")
        const own = fresh()
        yield* updated(access, { username: own })
        assert.strictEqual((yield* updated(access, { username: own.toUpperCase() })).username, own.toUpperCase())
      })
    )

    it.effect("accepts each field up to its full length", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const url = `https://a.example/${"x".repeat(482)}`
        assert.strictEqual(url.length, 500)
        const user = yield* updated(access, {
          username: fresh().padEnd(150, "x"),
          phone_number: "+".padEnd(20, "1"),
          profile: { first_name: "é".repeat(150), last_name: "🙂".repeat(150), avatar_url: url, bio: "𝄞".repeat(2000) }
        })
        assert.strictEqual(user.username.length, 150)
        assert.strictEqual(user.profile.bio, "𝄞".repeat(2000))
      })
    )

    it.effect("names every invalid field at once, in the form of the input", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const over = (max: number) => [`Ensure this field has no more than ${max} characters.`]
        const answer = yield* update(access, {
          username: "x".repeat(151),
          phone_number: "1".repeat(21),
          profile: {
            first_name: "x".repeat(151),
            last_name: "x".repeat(151),
            avatar_url: `https://a.example/${"x".repeat(483)}`,
            timezone: "Mars/Olympus",
            language: "not a language",
            bio: "x".repeat(2001)
          }
        })
        assertInvalid(answer, {
          username: ["Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."],
          phone_number: ["Enter a valid phone number: at most 20 digits, spaces and + ( ) - only."],
          profile: {
            first_name: over(150),
            last_name: over(150),
            avatar_url: over(500),
            timezone: ["Enter a valid IANA time zone."],
            language: ["Enter a valid BCP 47 language tag."],
            bio: over(2000)
          }
        })
      })
    )

    it.effect("reports mistyped fields", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const text = ["Must be a string."]
        assertInvalid(yield* update(access, { username: null, phone_number: 1, profile: null }), {
          username: text,
          phone_number: text,
          profile: ["Must be an object."]
        })
        assertInvalid(
          yield* update(access, {
            profile: { first_name: 1, last_name: true, avatar_url: {}, timezone: null, language: [], bio: null }
          }),
          {
            profile: { first_name: text, last_name: text, avatar_url: text, timezone: text, language: text, bio: text }
          }
        )
        assertInvalid(yield* update(access, { profile: "text" }), { profile: ["Must be an object."] })
      })
    )

    it.effect("has a picture with an http or https URL", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const bad = [
          "javascript:alert(1)",
          "data:image/png;base64,AA",
          "ftp://a.example/b",
          "//a.example/b",
          "a.png",
          ""
        ]
        for (const avatar_url of bad) {
          assertInvalid(yield* update(access, { profile: { avatar_url } }), {
            profile: { avatar_url: ["Enter a valid URL."] }
          })
        }
        yield* updated(access, { profile: { avatar_url: "HTTP://a.example" } })
      })
    )

    it.effect("has a time zone by name, and a language by tag", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const timezone of ["UTC", "America/Argentina/Buenos_Aires", "Asia/Kolkata"]) {
          assert.strictEqual((yield* updated(access, { profile: { timezone } })).profile.timezone, timezone)
        }
        for (const [timezone, kept] of [
          ["europe/kyiv", "Europe/Kyiv"],
          ["EUROPE/KIEV", "Europe/Kiev"]
        ]) {
          assert.strictEqual((yield* updated(access, { profile: { timezone } })).profile.timezone, kept)
        }
        for (const timezone of ["+02:00", "", "US/Pacific-New", "Europe", "Europe/Nowhere", "../etc/passwd"]) {
          assertInvalid(yield* update(access, { profile: { timezone } }), {
            profile: { timezone: ["Enter a valid IANA time zone."] }
          })
        }
        for (const language of ["en", "pt-BR", "zh-Hant-TW"]) {
          assert.strictEqual((yield* updated(access, { profile: { language } })).profile.language, language)
        }
        for (const language of ["", "e", "english language", "en_US"]) {
          assertInvalid(yield* update(access, { profile: { language } }), {
            profile: { language: ["Enter a valid BCP 47 language tag."] }
          })
        }
      })
    )

    it.effect("requires an access token", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertUnauthenticated(yield* send("GET", path))
        for (const method of ["PUT", "PATCH"]) assertUnauthenticated(yield* send(method, path, { body: {} }))
      })
    )

    it.effect("publishes a change once, with the new value of each field", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        yield* updated(access, { phone_number: "1", profile: { bio: "b", avatar_url: null } })
        yield* update(access, { phone_number: "not one" })
        const told = yield* api.sql<{ readonly fields: object }>`
          select payload->'updatedFields' as fields from outbox where user_id = ${id} and event_type = 'UserUpdated'`
        assert.deepStrictEqual(
          told.map(({ fields }) => fields),
          [{ phoneNumber: "1", bio: "b", avatarUrl: null }]
        )
      })
    )
  })
})
