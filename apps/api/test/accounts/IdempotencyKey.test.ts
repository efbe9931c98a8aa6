import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertFailure, assertInvalid, assertTokens, successData } from "../Answers.ts"
import { type Answer, freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/register/"
const message = "User registered successfully"
const reused = "This idempotency key was used with another request body"
const outdated = "The account was registered with this idempotency key and has changed since then. Log in instead."
const badKey = { "Idempotency-Key": ["Enter 1 to 255 printable ASCII characters, bare or as a quoted string."] }

const freshBody = (input: Readonly<Record<string, unknown>> = {}) => ({
  email: freshEmail(),
  password: goodPassword,
  ...input
})

const register = (key: string, body: unknown) =>
  Effect.flatMap(TestApi, ({ send }) => send("POST", path, { body, headers: { "idempotency-key": key } }))

const registered = (key: string, body: unknown) =>
  Effect.map(register(key, body), (answer) => successData(answer, 201, message))

const profileOf = (token: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", "/api/v1/users/profile/", { token }))

const assertReused = (answer: Answer) => assertFailure(answer, 422, "idempotency_key_reused", reused)
const assertOutdated = (answer: Answer) => assertFailure(answer, 409, "conflict", outdated)

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("a registration with an idempotency key", () => {
    it.effect("is repeated with the same user and a new session, and takes effect once", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        const key = randomUUID()
        const body = freshBody({ name: "Ada Lovelace", push_token: randomUUID(), preferences: { push: false } })
        const { tokens: first, ...user } = yield* registered(key, body)
        const { tokens: second, ...again } = yield* registered(key, body)
        assert.deepStrictEqual(again, user)
        assertTokens(second)
        assert.notStrictEqual(second.access, first.access)
        assert.notStrictEqual(second.refresh, first.refresh)
        for (const { access } of [first, second]) assert.deepStrictEqual((yield* profileOf(access)).body.data, user)
        const [counts] = yield* sql`
          select (select count(*)::int from users where email = ${body.email}) as users,
            (select count(*)::int from outbox where user_id = ${user.id} and event_type = 'UserRegistered') as events,
            (select count(*)::int from sessions where user_id = ${user.id}) as sessions`
        assert.deepStrictEqual(counts, { users: 1, events: 1, sessions: 2 })
      })
    )

    it.effect("is the same if the account is spelled differently", () =>
      Effect.gen(function* () {
        const key = randomUUID()
        const email = freshEmail()
        const user = yield* registered(key, { email, password: goodPassword, name: "Ada Lovelace" })
        const again = yield* registered(key, {
          first_name: "Ada",
          last_name: "Lovelace",
          unknown: true,
          password: goodPassword,
          password_confirm: goodPassword,
          email: ` ${email.toUpperCase()}`
        })
        assert.strictEqual(again.id, user.id)
      })
    )

    it.effect("with a different body is 422 and changes nothing", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        const key = randomUUID()
        const body = freshBody()
        yield* registered(key, body)
        for (const other of [
          { email: freshEmail() },
          { password: `${goodPassword}!` },
          { name: "Ada" },
          { username: randomUUID() },
          { phone_number: "+44 20" },
          { push_token: randomUUID() },
          { preferences: { email: false } },
          { preferences: { push: false } }
        ]) {
          assertReused(yield* register(key, { ...body, ...other }))
          if ("email" in other) {
            assert.deepStrictEqual(yield* sql`select id from users where email = ${other.email}`, [])
          }
        }
      })
    )

    it.effect("with another key and the same body is refused because the address is taken", () =>
      Effect.gen(function* () {
        const body = freshBody()
        yield* registered(randomUUID(), body)
        const taken = { email: ["A user with this email already exists."] }
        assertInvalid(yield* register(randomUUID(), body), taken)
        const { send } = yield* TestApi
        assertInvalid(yield* send("POST", path, { body }), taken)
      })
    )

    it.effect("that is refused leaves the key free for the next request", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const key = randomUUID()
        const owner = yield* api.person()
        assertInvalid(yield* register(key, freshBody({ email: owner.email })), {
          email: ["A user with this email already exists."]
        })
        assert.strictEqual((yield* register(key, freshBody({ password: "zq7kfwx" }))).status, 422)
        assert.strictEqual((yield* register(key, {})).status, 422)
        assert.strictEqual((yield* register(key, "{")).status, 400)
        yield* registered(key, freshBody())
      })
    )

    it.effect("opens no session after the password was changed or the account was disabled", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const change = randomUUID()
        const body = freshBody()
        const { id, tokens } = yield* registered(change, body)
        const changed = yield* send("POST", "/api/v1/users/change-password/", {
          token: tokens.access,
          body: {
            old_password: goodPassword,
            new_password: `${goodPassword} anew`,
            new_password_confirm: `${goodPassword} anew`
          }
        })
        assert.strictEqual(changed.status, 200)
        assertOutdated(yield* register(change, body))
        assert.lengthOf(yield* sql`select 1 from sessions where user_id = ${id} and revoked_at is null`, 1)

        const disable = randomUUID()
        const other = freshBody()
        const user = yield* registered(disable, other)
        yield* sql`update users set is_active = false where id = ${user.id}`
        assertOutdated(yield* register(disable, other))
        yield* sql`update users set is_active = true where id = ${user.id}`
        assert.strictEqual((yield* registered(disable, other)).id, user.id)
      })
    )

    it.effect("hashes no password when it is repeated", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const key = randomUUID()
        const body = freshBody()
        yield* registered(key, body)
        const hashes = Effect.map(send("GET", "/metrics"), ({ text }) => {
          const counts = text.match(/^password_hashes_total.*$/gm)
          assert.isNotNull(counts)
          return counts
        })
        const before = yield* hashes
        yield* registered(key, body)
        assert.deepStrictEqual(yield* hashes, before)
      })
    )

    it.effect("stores neither the key nor the password, and the key is deleted with the user", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        const key = randomUUID()
        const body = freshBody()
        const { id } = yield* registered(key, body)
        const rows = yield* sql`
          select encode(key_hash, 'escape') || encode(body_hash, 'escape') || k::text as text
          from idempotency_keys k where user_id = ${id}`
        assert.lengthOf(rows, 1)
        for (const secret of [key, goodPassword, body.email]) assert.notInclude(String(rows[0]?.["text"]), secret)
        yield* sql`delete from users where id = ${id}`
        assert.deepStrictEqual(yield* sql`select 1 from idempotency_keys where user_id = ${id}`, [])
        assert.notStrictEqual((yield* registered(key, body)).id, id)
      })
    )
  })

  describe("an idempotency key", () => {
    it.effect("is the same with and without quotes", () =>
      Effect.gen(function* () {
        const key = `a "key\\" ${randomUUID()}`
        const body = freshBody()
        const { id } = yield* registered(key, body)
        const quoted = `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`
        assert.strictEqual((yield* registered(quoted, body)).id, id)
      })
    )

    it.effect("has 1 to 255 printable ASCII characters", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const longest = randomUUID().padEnd(255, "~")
        const body = freshBody()
        const { id } = yield* registered(longest, body)
        assert.strictEqual((yield* registered(longest, body)).id, id)
        for (const key of ["", '""', '"', '"open', "x".repeat(256), "\u00e9", "a\tb", '"a" b']) {
          assertInvalid(yield* register(key, freshBody()), badKey)
        }
        // Other routes ignore it.
        assert.strictEqual((yield* send("GET", "/health/live", { headers: { "idempotency-key": "" } })).status, 200)
      })
    )

    it.effect("is validated together with the fields, after the JSON", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertInvalid(yield* register("", { email: freshEmail() }), {
          ...badKey,
          password: ["This field is required."]
        })
        assert.strictEqual((yield* register("", "{")).body.code, "malformed_json")
        const headers = { "idempotency-key": "", "content-type": "text/plain" }
        assert.strictEqual((yield* send("POST", path, { body: "{}", headers })).status, 415)
      })
    )
  })
})

describe("a repeated registration", () => {
  const limits = { RATE_LIMIT_REGISTER: "1/1h", RATE_LIMIT_LOGIN_IP: "3/5m" }
  it.layer(layerEmbedded(limits), { excludeTestServices: true })((it) => {
    it.effect("counts as a login of its address, not as a registration", () =>
      Effect.gen(function* () {
        const key = randomUUID()
        const body = freshBody()
        const { id } = yield* registered(key, body)
        for (const _ of [1, 2]) assert.strictEqual((yield* registered(key, body)).id, id)
        assertReused(yield* register(key, freshBody()))
        const limited = yield* register(key, body)
        assert.strictEqual(limited.status, 429)
        assert.match(limited.headers.get("ratelimit-policy") ?? "", /login-ip/)
        const fresh = yield* register(randomUUID(), freshBody())
        assert.match(fresh.headers.get("ratelimit-policy") ?? "", /register/)
      })
    )
  })

  it.layer(layerEmbedded({ TRUSTED_PROXIES: "127.0.0.1" }), { excludeTestServices: true })((it) => {
    it.effect("from a new device sends one notice, and makes its network known", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const body = freshBody()
        const headers = { "idempotency-key": randomUUID() }
        const registerFrom = (from: string) =>
          Effect.map(send("POST", path, { body, headers: { ...headers, "x-forwarded-for": from } }), (answer) =>
            successData(answer, 201, message)
          )
        const { id } = yield* registerFrom("192.0.2.10")
        const notices = sql`
          select payload->>'kind' as kind, payload->>'ip' as ip
          from mail_outbox where user_id = ${id} and mail_type = 'SecurityNoticeMail'`
        yield* registerFrom("192.0.2.10")
        assert.deepStrictEqual(yield* notices, [])
        yield* registerFrom("203.0.113.1")
        yield* registerFrom("203.0.113.1")
        assert.deepStrictEqual(yield* notices, [{ kind: "new_device", ip: "203.0.113.1" }])
      })
    )
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("returns the same user for 24 hours, then the key is free again", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const key = randomUUID()
        const body = freshBody()
        const { id } = yield* registered(key, body)
        yield* api.pass("23 hours")
        assert.strictEqual((yield* registered(key, body)).id, id)
        yield* api.pass("61 minutes")
        assertInvalid(yield* register(key, body), { email: ["A user with this email already exists."] })
        const other = freshBody()
        const { id: next } = yield* registered(key, other)
        assert.strictEqual((yield* registered(key, other)).id, next)
      })
    )
  })

  it.layer(layerEmbedded({ BCRYPT_COST: "10" }), { excludeTestServices: true })((it) => {
    it.effect("that is concurrent is 409 until the first one is answered", () =>
      Effect.gen(function* () {
        const key = randomUUID()
        const body = freshBody()
        const answers = yield* Effect.all(
          Array.from({ length: 100 }, () => register(key, body)),
          { concurrency: "unbounded" }
        )
        const made = answers.filter(({ status }) => status === 201)
        assert.isNotEmpty(made)
        assert.strictEqual(new Set(made.map((answer) => answer.body.data.id)).size, 1)
        const others = answers.filter(({ status }) => status !== 201)
        assert.isNotEmpty(others)
        for (const answer of others) {
          assertFailure(answer, 409, "conflict", "A request with this idempotency key is still in progress")
        }
      })
    )
  })
})
