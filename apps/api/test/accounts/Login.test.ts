import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertInvalid, assertTokens, successData, time } from "../Answers.ts"
import { type Answer, freshEmail, goodPassword, layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/login/"
const required = "This field is required."

const login = (body: unknown) => Effect.flatMap(TestApi, ({ send }) => send("POST", path, { body }))

const assertRefused = (answer: Answer): void =>
  assertFailure(answer, 401, "invalid_credentials", "Invalid email or password")

const profileOf = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", "/api/v1/users/profile/", { token }))

const disable = ({ id }: Person) =>
  Effect.flatMap(TestApi, ({ sql }) => Effect.asVoid(sql`update users set is_active = false where id = ${id}`))

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("logging in", () => {
    it.effect("returns the whole user with tokens and the time of the login", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, id, password } = yield* api.person({ name: "Ada Lovelace" })
        const { tokens, ...user } = successData(yield* login({ email, password }), 200, "Login successful")
        assert.strictEqual(user.id, id)
        assert.match(user.last_login, time)
        assertTokens(tokens)
        assert.deepStrictEqual((yield* profileOf(tokens.access)).body.data, user)
      })
    )

    it.effect("appears in the profile at once, which contains no tokens", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        // In the cache from here on.
        assert.isNull((yield* profileOf(person.access)).body.data.last_login)
        const { access } = yield* api.login(person)
        const { body, text } = yield* profileOf(access)
        assert.match(body.data.last_login, time)
        assert.notProperty(body.data, "tokens")
        assert.notInclude(text, access)
      })
    )

    it.effect("accepts any spelling of the address", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, password } = yield* api.person()
        yield* api.login({ email: `  ${email.toUpperCase()}\t`, password })
      })
    )

    it.effect("answers an unknown address, a wrong password and a disabled account with the same bytes", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const known = yield* api.person()
        const disabled = yield* api.person()
        yield* disable(disabled)
        const answers = [
          yield* login({ email: freshEmail(), password: goodPassword }),
          yield* login({ email: known.email, password: `${goodPassword}!` }),
          yield* login({ email: disabled.email, password: goodPassword })
        ]
        for (const answer of answers) {
          assertRefused(answer)
          assert.strictEqual(answer.text, answers[0]?.text)
        }
        const headers = answers.map(({ headers }) =>
          [...headers].filter(([name]) => !["x-request-id", "date"].includes(name))
        )
        assert.deepStrictEqual(headers[1], headers[0])
        assert.deepStrictEqual(headers[2], headers[0])
      })
    )

    it.effect("does not refresh the sessions of a disabled account", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* disable(person)
        const refreshed = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: person.refresh } })
        assertFailure(refreshed, 401, "token_invalid", "Token is invalid")
      })
    )

    it.effect("compares a password with its case and its spaces", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        for (const password of [goodPassword.toUpperCase(), ` ${goodPassword}`, `${goodPassword} `, "x"]) {
          assertRefused(yield* login({ email, password }))
        }
      })
    )

    it.effect("refuses a password that is longer than any stored one", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        assertRefused(yield* login({ email, password: "x".repeat(5000) }))
      })
    )

    it.effect("reports all missing, blank and mistyped fields at once", () =>
      Effect.gen(function* () {
        const blank = "This field may not be blank."
        assertInvalid(yield* login({}), { email: [required], password: [required] })
        assertInvalid(yield* login({ email: "ada", password: "", device_name: "x".repeat(256) }), {
          email: ["Enter a valid email address."],
          password: [blank],
          device_name: ["Ensure this field has no more than 255 characters."]
        })
        assertInvalid(yield* login({ email: 1, password: 1, device_name: null }), {
          email: ["Must be a string."],
          password: ["Must be a string."],
          device_name: ["Must be a string."]
        })
      })
    )

    it.effect("opens a session with the device's name, the client and the address", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, password } = yield* api.person()
        const { body } = yield* api.send("POST", path, {
          body: { email, password, device_name: "Ada's phone" },
          headers: { "user-agent": `App/1.0 ${"x".repeat(600)}` }
        })
        const list = yield* api.send("GET", "/api/v1/users/sessions/", { token: body.data.tokens.access })
        assert.strictEqual(list.body.data.length, 2)
        const [newest] = list.body.data
        assert.isTrue(newest.current)
        assert.strictEqual(newest.device_name, "Ada's phone")
        assert.strictEqual(newest.user_agent, `App/1.0 ${"x".repeat(492)}`)
        assert.strictEqual(newest.ip, "127.0.0.1")
      })
    )

    it.effect("does not affect other sessions", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* api.login(person)
        assert.strictEqual((yield* profileOf(person.access)).status, 200)
      })
    )

    it.effect("writes an event and an audit entry, and neither for a refused attempt", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* login({ email: person.email, password: "wrong" })
        yield* api.login(person)
        const told = yield* api.sql<{ readonly event_type: string }>`
          select event_type from outbox where user_id = ${person.id} order by position`
        assert.deepStrictEqual(
          told.map((event) => event.event_type),
          ["UserRegistered", "UserLoggedIn"]
        )
        const audit = yield* api.sql<{ readonly action: string }>`
          select action from audit_log where user_id = ${person.id} order by created_at, id`
        assert.deepStrictEqual(
          audit.map((entry) => entry.action),
          ["user.registered", "user.logged_in"]
        )
      })
    )
  })

  describe("stored hashes of other schemes", () => {
    // As Django's `make_password` wrote them, for this password.
    const password = "correct horse battery staple"
    const pbkdf2 = "pbkdf2_sha256$1000$c2FsdHlzYWx0$jylwx6HlDZ43KzzChTJ2K9g+e4vy9ZyHigwBNIXYbO8="

    it.effect("let their owner log in, and are replaced by a current hash", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, id } = yield* api.person()
        yield* api.sql`update users set password_hash = ${pbkdf2} where id = ${id}`
        const stored = Effect.map(
          api.sql<{ readonly hash: string }>`select password_hash as hash from users where id = ${id}`,
          ([row]) => row?.hash ?? ""
        )
        assertRefused(yield* login({ email, password: "wrong" }))
        assert.strictEqual(yield* stored, pbkdf2)
        yield* api.login({ email, password })
        assert.match(yield* stored, /^bcrypt_sha256\$\$2b\$04\$/)
        yield* api.login({ email, password })
      })
    )

    it.effect("an unusable hash matches no password", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, id } = yield* api.person()
        yield* api.sql`update users set password_hash = '!unusable' where id = ${id}`
        for (const password of ["!unusable", "unusable", "!"]) assertRefused(yield* login({ email, password }))
      })
    )
  })
})
