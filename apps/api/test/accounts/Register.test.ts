import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertInvalid, assertTokens, successData, time, uuidV7 } from "../Answers.ts"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/register/"
const message = "User registered successfully"
const required = "This field is required."
const taken = "A user with this email already exists."
const usernameTaken = "A user with that username already exists."

/** Text no other test has. */
const fresh = () => randomUUID().replaceAll("-", "").slice(0, 12)

const register = (input: Readonly<Record<string, unknown>>) =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", path, { body: { email: freshEmail(), password: goodPassword, ...input } })
  )

const registered = (input: Readonly<Record<string, unknown>>) =>
  Effect.map(register(input), (answer) => successData(answer, 201, message))

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("registering", () => {
    it.effect("returns the whole user with tokens", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        const user = yield* registered({ email })
        assert.match(user.id, uuidV7)
        assert.match(user.profile.id, uuidV7)
        assert.match(user.notification_preferences.id, uuidV7)
        assert.match(user.created_at, time)
        const at = user.created_at
        const username = email.split("@")[0]
        assert.deepStrictEqual(user, {
          id: user.id,
          email,
          username,
          phone_number: null,
          is_verified: false,
          is_active: true,
          created_at: at,
          updated_at: at,
          last_login: null,
          profile: {
            id: user.profile.id,
            first_name: "",
            last_name: "",
            full_name: username,
            avatar_url: null,
            timezone: "UTC",
            language: "en",
            bio: "",
            created_at: at,
            updated_at: at
          },
          notification_preferences: {
            id: user.notification_preferences.id,
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
            created_at: at,
            updated_at: at
          },
          push_tokens_count: 0,
          tokens: user.tokens
        })
        assertTokens(user.tokens)
      })
    )

    it.effect("returns tokens that are valid at once, and the user of the profile", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { tokens, ...user } = yield* registered({ name: "Ada Lovelace" })
        const profile = yield* api.send("GET", "/api/v1/users/profile/", { token: tokens.access })
        assert.deepStrictEqual(profile.body.data, user)
        const refreshed = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: tokens.refresh } })
        assert.strictEqual(refreshed.status, 200)
      })
    )

    it.effect("accepts every field of the route", () =>
      Effect.gen(function* () {
        const username = `Ada.${fresh()}+-_`
        const user = yield* registered({
          username,
          first_name: "Ada",
          last_name: "King of Lovelace",
          phone_number: "+44 (20) 7946-0018",
          password_confirm: goodPassword,
          push_token: fresh(),
          preferences: { email: false, push: false }
        })
        assert.strictEqual(user.username, username)
        assert.strictEqual(user.phone_number, "+44 (20) 7946-0018")
        assert.strictEqual(user.profile.first_name, "Ada")
        assert.strictEqual(user.profile.last_name, "King of Lovelace")
        assert.strictEqual(user.profile.full_name, "Ada King of Lovelace")
        assert.isFalse(user.notification_preferences.email_enabled)
        assert.isFalse(user.notification_preferences.push_enabled)
        assert.isTrue(user.notification_preferences.email_marketing)
        assert.strictEqual(user.push_tokens_count, 1)
      })
    )

    it.effect("splits a name at its first space, unless the parts are given", () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [input: object, first: string, last: string]> = [
          [{ name: "Ada Lovelace" }, "Ada", "Lovelace"],
          [{ name: "Ada King of Lovelace" }, "Ada", "King of Lovelace"],
          [{ name: "Ada" }, "Ada", ""],
          [{ name: "  Ada   Lovelace  " }, "Ada", "Lovelace"],
          [{ name: "" }, "", ""],
          [{ name: "Ada Lovelace", first_name: "Augusta" }, "Augusta", "Lovelace"],
          [{ name: "Ada Lovelace", last_name: "" }, "Ada", ""]
        ]
        for (const [input, first, last] of cases) {
          const { profile } = yield* registered({ ...input })
          assert.deepStrictEqual([profile.first_name, profile.last_name], [first, last], JSON.stringify(input))
        }
      })
    )

    it.effect("accepts a single preference, and null as the phone number", () =>
      Effect.gen(function* () {
        const user = yield* registered({ preferences: { push: false }, phone_number: null })
        assert.isTrue(user.notification_preferences.email_enabled)
        assert.isFalse(user.notification_preferences.push_enabled)
        assert.isNull(user.phone_number)
        const plain = yield* registered({ preferences: {} })
        assert.isTrue(plain.notification_preferences.push_enabled)
      })
    )

    it.effect("trims and lower-cases an address, and accepts any spelling as the same address", () =>
      Effect.gen(function* () {
        const name = fresh()
        const user = yield* registered({ email: `  ${name.toUpperCase()}@Example.COM ` })
        assert.strictEqual(user.email, `${name}@example.com`)
        assertInvalid(yield* register({ email: `${name}@EXAMPLE.com` }), { email: [taken] })
      })
    )

    it.effect("uses the local part as the username, and appends 1, 2, ... if it is taken in any case", () =>
      Effect.gen(function* () {
        const name = fresh()
        const usernames: Array<string> = []
        for (const domain of ["a", "b", "c"]) {
          usernames.push((yield* registered({ email: `${name}@${domain}.example.com` })).username)
        }
        assert.deepStrictEqual(usernames, [name, `${name}1`, `${name}2`])
        const shouted = fresh()
        yield* registered({ username: shouted.toUpperCase() })
        assert.strictEqual((yield* registered({ email: `${shouted}@example.com` })).username, `${shouted}1`)
        const tagged = yield* registered({ email: `${name}+tag!x@example.com` })
        assert.strictEqual(tagged.username, `${name}+tagx`)
      })
    )

    it.effect("appends the number also to a local part of full length", () =>
      Effect.gen(function* () {
        const local = fresh().padEnd(64, "x")
        const first = yield* registered({ email: `${local}@a.example.com`, username: local })
        const second = yield* registered({ email: `${local}@b.example.com` })
        assert.deepStrictEqual([first.username, second.username], [local, `${local}1`])
      })
    )

    it.effect("refuses a taken address and a taken username with 422 on their field", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const username = fresh()
        const { email } = yield* api.person({ username })
        assertInvalid(yield* register({ email }), { email: [taken] })
        assertInvalid(yield* register({ username: username.toUpperCase() }), { username: [usernameTaken] })
      })
    )

    it.effect("leaves no user, no event and no moved push token after a refusal", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const token = fresh()
        const owner = yield* api.person({ push_token: token })
        const [before] =
          yield* api.sql`select (select count(*) from users) as users, (select count(*) from outbox) as events,
          (select count(*) from audit_log) as audits`
        assertInvalid(yield* register({ email: owner.email, push_token: token }), { email: [taken] })
        assertInvalid(yield* register({ push_token: token, password: "zq7kfwx" }), {
          password: ["This password is too short. It must contain at least 8 characters."]
        })
        const [after] =
          yield* api.sql`select (select count(*) from users) as users, (select count(*) from outbox) as events,
          (select count(*) from audit_log) as audits`
        assert.deepStrictEqual(after, before)
        const list = yield* api.send("GET", "/api/v1/users/push-tokens/", { token: owner.access })
        assert.isTrue(list.body.data[0].is_active)
      })
    )

    it.effect("stores a push token of the web or Firebase, and moves it from another user", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const token = fresh()
        const first = yield* api.person({ push_token: token })
        const second = yield* api.person({ push_token: token })
        const list = (access: string) => api.send("GET", "/api/v1/users/push-tokens/", { token: access })
        const moved = (yield* list(second.access)).body.data
        assert.strictEqual(moved.length, 1)
        assert.deepInclude(moved[0], {
          platform: "web",
          token_type: "fcm",
          device_id: "",
          device_name: "",
          is_active: true
        })
        assert.deepStrictEqual((yield* list(first.access)).body.data, [])
        const profile = yield* api.send("GET", "/api/v1/users/profile/", { token: first.access })
        assert.strictEqual(profile.body.data.push_tokens_count, 0)
      })
    )

    it.effect("refuses a push token that Firebase cannot have made with 422, and registers nobody", () =>
      Effect.gen(function* () {
        const email = `${fresh()}@example.com`
        assertInvalid(yield* register({ email, push_token: "not a token" }), {
          push_token: ["An FCM token is printable ASCII without spaces."]
        })
        const { sql } = yield* TestApi
        assert.deepStrictEqual(yield* sql`select id from users where email = ${email}`, [])
      })
    )

    it.effect("names every invalid field at once, including the password", () =>
      Effect.gen(function* () {
        const answer = yield* register({
          email: "not an address",
          password: "12345",
          username: "with space",
          name: "n".repeat(151),
          first_name: 1,
          last_name: null,
          phone_number: "call me",
          push_token: " ",
          preferences: { email: "true", push: 0 }
        })
        assertInvalid(answer, {
          email: ["Enter a valid email address."],
          password: [
            "This password is too short. It must contain at least 8 characters.",
            "This password is entirely numeric.",
            "This password is too common."
          ],
          username: ["Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."],
          name: ["Ensure this field has no more than 150 characters."],
          first_name: ["Must be a string."],
          last_name: ["Must be a string."],
          phone_number: ["Enter a valid phone number: at most 20 digits, spaces and + ( ) - only."],
          push_token: ["This field may not be blank."],
          preferences: { email: ["Must be a valid boolean."], push: ["Must be a valid boolean."] }
        })
      })
    )

    it.effect("reports missing, blank and mistyped fields", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const post = (body: object) => send("POST", path, { body })
        const blank = "This field may not be blank."
        assertInvalid(yield* post({}), { email: [required], password: [required] })
        assertInvalid(yield* post({ email: "", password: "", password_confirm: "" }), {
          email: ["Enter a valid email address."],
          password: [blank],
          password_confirm: [blank]
        })
        assertInvalid(
          yield* post({ email: 1, password: { a: 1 }, phone_number: 5, username: [], preferences: "all" }),
          {
            email: ["Must be a string."],
            password: ["Must be a string."],
            phone_number: ["Must be a string."],
            username: ["Must be a string."],
            preferences: ["Must be an object."]
          }
        )
        assertInvalid(yield* post({ email: null, password: null, preferences: null }), {
          email: ["Must be a string."],
          password: ["Must be a string."],
          preferences: ["Must be an object."]
        })
      })
    )

    it.effect("refuses two different passwords with 422 on the second", () =>
      Effect.gen(function* () {
        assertInvalid(yield* register({ password_confirm: `${goodPassword}!` }), {
          password_confirm: ["The two passwords do not match."]
        })
      })
    )

    it.effect("refuses an address of more than 254 characters or of an unusual form", () =>
      Effect.gen(function* () {
        const domain = `${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(59)}.example`
        const longest = `${fresh()}${"x".repeat(254 - 12 - 1 - domain.length)}@${domain}`
        assert.strictEqual(longest.length, 254)
        assert.strictEqual((yield* registered({ email: longest })).email, longest)
        assertInvalid(yield* register({ email: `x${longest}` }), {
          email: ["Ensure this field has no more than 254 characters."]
        })
        for (const email of ["a", "a@", "@b.c", "a@b", "a b@c.de", "a@b..de", "a@-b.de", "<a@b.de>", "a@b.de,c@d.de"]) {
          assertInvalid(yield* register({ email }), { email: ["Enter a valid email address."] })
        }
      })
    )
  })

  describe("the rules for passwords", () => {
    const short = "This password is too short. It must contain at least 8 characters."
    const long = "This password is too long. It must contain at most 1024 bytes."
    const common = "This password is too common."
    const numeric = "This password is entirely numeric."
    const similar = "This password is too similar to your email, username or name."
    const ofService = "This password is too similar to the name of this service."
    const guessable =
      "This password is too easy to guess. Choose a longer one, such as several words that do not belong together."

    it.effect("each has a message", () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [password: string, problems: ReadonlyArray<string>]> = [
          ["zq7kfwx", [short]],
          ["83920147560", [numeric]],
          ["password123", [common]],
          ["x".repeat(1025), [long]],
          ["ü".repeat(513), [long]],
          ["userservice", [ofService]],
          ["aaaaaaaa", [guessable]],
          ["abcdefgh", [guessable]],
          [" ".repeat(8), [guessable]],
          ["Summer2026", [guessable]],
          ["p4$$w0rd".repeat(128), [guessable]]
        ]
        for (const [password, problems] of cases) assertInvalid(yield* register({ password }), { password: problems })
      })
    )

    it.effect("a password must not resemble the address, the username or the name", () =>
      Effect.gen(function* () {
        const cases = [
          { email: `ada.lovelace.${fresh()}@example.com`, password: "lovelace1" },
          { username: `countess_${fresh()}`, password: "xcountessx" },
          { first_name: "Augusta", password: "augusta2026" },
          { last_name: "Fitzgerald", password: "!fitzgerald!" },
          { name: "Augusta Fitzgerald", password: "FITZGERALD!" }
        ]
        for (const input of cases) assertInvalid(yield* register(input), { password: [similar] })
      })
    )

    it.effect("a password must not be guessable from the address, the username or the name", () =>
      Effect.gen(function* () {
        const password = `quillfeather${"1".repeat(13)}`
        for (const given of [
          { email: `quillfeather.${fresh()}@example.com` },
          { username: `quillfeather_${fresh()}` },
          { first_name: "Quillfeather" },
          { name: "Ada Quillfeather" }
        ]) {
          assertInvalid(yield* register({ ...given, password }), { password: [guessable] })
        }
        yield* registered({ password })
      })
    )

    it.effect("a password that is easy to guess is not hashed", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const hashed = Effect.map(send("GET", "/metrics"), ({ text }) => text.match(/^password_hashes_total.*$/gm))
        const before = yield* hashed
        assertInvalid(yield* register({ password: "Summer2026" }), { password: [guessable] })
        assert.deepStrictEqual(yield* hashed, before)
        assert.isNotNull(before)
      })
    )

    it.effect("a body with other invalid fields is not estimated, and the remaining rules are reported", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const estimated = Effect.map(send("GET", "/metrics"), ({ text }) =>
          Number(/^password_estimate_duration_seconds_count (\d+)$/m.exec(text)?.[1])
        )
        const bad = { username: ["Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."] }
        // The first to be estimated, where this test runs alone.
        assertInvalid(yield* register({ password: "Summer2026" }), { password: [guessable] })
        const before = yield* estimated
        assert.isAbove(before, 0)
        for (const password of ["Summer2026", goodPassword]) {
          assertInvalid(yield* register({ password, username: "a b" }), bad)
        }
        assertInvalid(yield* register({ password: "zq7kfwx", username: "a b" }), { ...bad, password: [short] })
        assert.strictEqual(yield* estimated, before)
      })
    )

    it.effect("a password needs no mix of characters, and all bytes up to 1,024 count", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const password of [
          "lowercase only words",
          "        x       ",
          "fünf kühle öfen ".repeat(50),
          "🔑🗝️🔒🔓🔐🪪🧷🖇"
        ]) {
          const person = yield* api.person({ password })
          yield* api.login(person)
        }
        const start = `nine quiet otters, ${"long ".repeat(20)}`
        const person = yield* api.person({ password: `${start}a` })
        const answer = yield* api.send("POST", "/api/v1/users/login/", {
          body: { email: person.email, password: `${start}b` }
        })
        assert.strictEqual(answer.status, 401)
      })
    )

    it.effect("composed and decomposed accents are the same password", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person({ password: "se\u0301same ouvre-toi" })
        yield* api.login({ email: person.email, password: "s\u00e9same ouvre-toi" })
      })
    )
  })

  describe("what is told of a registration", () => {
    it.effect("the event and the audit entry are written with the user, without a credential", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const token = fresh()
        const person = yield* api.person({ push_token: token, first_name: "Ada" })
        const events = yield* api.sql<{ readonly event_type: string; readonly payload: object }>`
          select event_type, payload from outbox where user_id = ${person.id} order by position`
        assert.deepStrictEqual(
          events.map((event) => event.event_type),
          ["UserRegistered", "PushTokenAdded"]
        )
        assert.deepInclude(events[0]?.payload, { userId: person.id, email: person.email })
        const audit = yield* api.sql<{ readonly action: string; readonly ip: string }>`
          select action, ip, details from audit_log where user_id = ${person.id}`
        assert.strictEqual(audit.length, 1)
        assert.deepInclude(audit[0], { action: "user.registered", ip: "127.0.0.1" })
        const said = JSON.stringify([events[0], audit])
        for (const secret of [person.password, person.access, person.refresh, token]) assert.notInclude(said, secret)
      })
    )

    it.effect("the password is stored only as a hash in Django's format", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { id } = yield* api.person()
        const [row] = yield* api.sql<{ readonly password_hash: string }>`
          select password_hash from users where id = ${id}`
        assert.match(row?.password_hash ?? "", /^bcrypt_sha256\$\$2b\$04\$[./A-Za-z0-9]{53}$/)
      })
    )
  })
})

describe("PASSWORD_MIN_LENGTH", () => {
  it.layer(layerEmbedded({ PASSWORD_MIN_LENGTH: "15" }), { excludeTestServices: true })((it) => {
    it.effect("requires more characters", () =>
      Effect.gen(function* () {
        assertInvalid(yield* register({ password: "fourteen chars" }), {
          password: ["This password is too short. It must contain at least 15 characters."]
        })
        yield* registered({ password: "fifteen charss!" })
      })
    )
  })
})
