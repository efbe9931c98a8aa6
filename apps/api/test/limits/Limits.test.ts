import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertInvalid, assertTokenInvalid } from "../Answers.ts"
import { type Answer, freshEmail, goodPassword, layerEmbedded, type Person, TestApi } from "../TestApi.ts"

// Clients come through a proxy that is trusted, so that a test can be anywhere.
const proxied = { TRUSTED_PROXIES: "127.0.0.1" }

const here = "203.0.113.1"
const elsewhere = "198.51.100.1"

interface Policy {
  readonly name: string
  readonly limit: number
  readonly seconds: number
}

/** That the attempt was refused under this policy, with its headers, at the beginning of the window or later. */
const assertLimited = (answer: Answer, { limit, name, seconds }: Policy): void => {
  const left = Number(answer.headers.get("retry-after"))
  assert.isTrue(Number.isInteger(left) && left >= 1 && left <= seconds, `Retry-After: ${left}`)
  assertFailure(answer, 429, "rate_limited", `Too many attempts. Try again in ${left} seconds.`)
  assert.strictEqual(answer.headers.get("ratelimit-policy"), `"${name}";q=${limit};w=${seconds}`)
  assert.strictEqual(answer.headers.get("ratelimit"), `"${name}";r=0;t=${left}`)
  assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
}

const assertPasses = (answer: Answer): void => assert.notStrictEqual(answer.status, 429)

const assertRefused = (answer: Answer): void =>
  assertFailure(answer, 401, "invalid_credentials", "Invalid email or password")

const login = (email: string, password: string, from = here) =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", "/api/v1/users/login/", { body: { email, password }, headers: { "x-forwarded-for": from } })
  )

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(
    Array.from({ length: count }, () => effect),
    { concurrency: 1 }
  )

const repeatConcurrently = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(
    Array.from({ length: count }, () => effect),
    { concurrency: "unbounded" }
  )

/** How many passwords were compared with a hash so far. */
const comparisons = Effect.flatMap(TestApi, ({ send }) =>
  Effect.map(send("GET", "/metrics"), ({ text }) =>
    Number(/^password_hashes_total\{operation="verify"\} (\d+)$/m.exec(text)?.[1] ?? 0)
  )
)

describe("RATE_LIMIT_REGISTER", () => {
  it.layer(layerEmbedded({ ...proxied, RATE_LIMIT_REGISTER: "3/1h" }), { excludeTestServices: true })((it) => {
    const policy = { name: "register", limit: 3, seconds: 3600 }
    const register = (from: string, input: Readonly<Record<string, unknown>> = {}) =>
      Effect.flatMap(TestApi, ({ send }) =>
        send("POST", "/api/v1/users/register/", {
          body: { email: freshEmail(), password: goodPassword, ...input },
          headers: { "x-forwarded-for": from }
        })
      )

    it.effect("counts valid bodies of an address, including those with a taken e-mail", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        for (const input of [{ email: "none" }, { password: "12345678" }, { username: "a b" }]) {
          assert.strictEqual((yield* register("203.0.113.2", input)).status, 422)
        }
        assert.strictEqual((yield* register("203.0.113.2", { email })).status, 201)
        for (const answer of yield* times(2, register("203.0.113.2", { email }))) {
          assertInvalid(answer, { email: ["A user with this email already exists."] })
        }
        assertLimited(yield* register("203.0.113.2"), policy)
        assert.strictEqual((yield* register("203.0.113.3")).status, 201)
      })
    )

    it.effect("permits attempts again when the window of the first attempt ends", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const from = "203.0.113.4"
        yield* register(from)
        yield* api.pass("30 minutes")
        yield* times(2, register(from))
        yield* api.pass("29 minutes")
        const refused = yield* register(from)
        assertLimited(refused, policy)
        assert.isAtMost(Number(refused.headers.get("retry-after")), 60)
        yield* api.pass("1 minute")
        assert.strictEqual((yield* register(from)).status, 201)
      })
    )

    it.effect("counts an IPv6 client by its /64 network", () =>
      Effect.gen(function* () {
        for (const from of ["2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "[2001:0DB8:1:1:0:0:0:3]:5000"]) {
          assert.strictEqual((yield* register(from)).status, 201, from)
        }
        assertLimited(yield* register("2001:db8:1:1:abcd::4"), policy)
        assert.strictEqual((yield* register("2001:db8:1:2::1")).status, 201)
      })
    )

    it.effect("counts an IPv4 address as itself, also in its IPv6 form", () =>
      Effect.gen(function* () {
        yield* times(3, register("203.0.113.5"))
        assertLimited(yield* register("::ffff:203.0.113.5"), policy)
        assert.strictEqual((yield* register("203.0.113.6")).status, 201)
      })
    )

    it.effect("is not evaded by forged entries of the header", () =>
      Effect.gen(function* () {
        for (const made of ["1.1.1.1", "2.2.2.2", "3.3.3.3"]) yield* register(`${made}, 203.0.113.7`)
        assertLimited(yield* register("4.4.4.4, 5.5.5.5, 203.0.113.7"), policy)
      })
    )

    it.effect("permits exactly the limit of concurrent attempts", () =>
      Effect.gen(function* () {
        const answers = yield* repeatConcurrently(20, register("203.0.113.8"))
        assert.deepStrictEqual(answers.filter(({ status }) => status === 201).length, 3)
        assert.deepStrictEqual(answers.filter(({ status }) => status === 429).length, 17)
      })
    )
  })
})

describe("RATE_LIMIT_LOGIN_ACCOUNT", () => {
  it.layer(layerEmbedded({ ...proxied, RATE_LIMIT_LOGIN_ACCOUNT: "3/5m" }), { excludeTestServices: true })((it) => {
    const policy = { name: "login-account", limit: 3, seconds: 300 }

    it.effect("refuses the right password too when it is used up", () =>
      Effect.gen(function* () {
        const { email, password } = yield* (yield* TestApi).person()
        for (const answer of yield* times(3, login(email, "wrong"))) assertRefused(answer)
        assertLimited(yield* login(email, "wrong"), policy)
        assertLimited(yield* login(email, password), policy)
      })
    )

    it.effect("counts before the hash, so that concurrent attempts cause no more hashes than permitted", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        const before = yield* comparisons
        const answers = yield* repeatConcurrently(30, login(email, "wrong"))
        assert.strictEqual(answers.filter(({ status }) => status === 401).length, 3)
        assert.strictEqual(answers.filter(({ status }) => status === 429).length, 27)
        assert.strictEqual((yield* comparisons) - before, 3)
      })
    )

    it.effect("counts an address without an account in the same way", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        for (const answer of yield* times(3, login(email, "wrong"))) assertRefused(answer)
        assertLimited(yield* login(email, "wrong"), policy)
      })
    )

    it.effect("counts every spelling of an address together, from any network", () =>
      Effect.gen(function* () {
        const { email } = yield* (yield* TestApi).person()
        yield* login(email, "wrong", "198.51.100.2")
        yield* login(` ${email.toUpperCase()}`, "wrong", "198.51.100.3")
        yield* login(email.replace("example", "EXAMPLE"), "wrong", "198.51.100.4")
        assertLimited(yield* login(email, "wrong", "198.51.100.5"), policy)
      })
    )

    it.effect("does not count invalid bodies", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { email, password } = yield* (yield* TestApi).person()
        yield* times(5, send("POST", "/api/v1/users/login/", { body: { email } }))
        assert.strictEqual((yield* login(email, password)).status, 200)
      })
    )

    it.effect("starts over after a success", () =>
      Effect.gen(function* () {
        const { email, password } = yield* (yield* TestApi).person()
        for (const _ of [1, 2, 3]) {
          yield* times(2, login(email, "wrong"))
          assert.strictEqual((yield* login(email, password)).status, 200)
        }
        for (const answer of yield* times(3, login(email, "wrong"))) assertRefused(answer)
        assertLimited(yield* login(email, password), policy)
      })
    )

    it.effect("permits attempts again after its window", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, password } = yield* api.person()
        yield* times(4, login(email, "wrong"))
        yield* api.pass("5 minutes")
        assert.strictEqual((yield* login(email, password)).status, 200)
      })
    )

    it.effect("does not let a stranger lock the owner out of a network where they have logged in", () =>
      Effect.gen(function* () {
        const { email, password } = yield* (yield* TestApi).person()
        assert.strictEqual((yield* login(email, password, here)).status, 200)
        yield* times(4, login(email, "wrong", elsewhere))
        assertLimited(yield* login(email, password, elsewhere), policy)
        for (const _ of [1, 2]) assert.strictEqual((yield* login(email, password, here)).status, 200)
        // The owner's own attempts are counted as well, in a bucket of their own.
        for (const answer of yield* times(3, login(email, "wrong", here))) assertRefused(answer)
        assertLimited(yield* login(email, password, here), policy)
      })
    )

    it.effect("does not let a stranger lock the owner out of the network of the registration", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const account = { email: freshEmail(), password: goodPassword }
        yield* api.send("POST", "/api/v1/users/register/", { body: account, headers: { "x-forwarded-for": here } })
        yield* times(4, login(account.email, "wrong", elsewhere))
        assert.strictEqual((yield* login(account.email, account.password, here)).status, 200)
      })
    )

    it.effect("gives a stranger no new attempts when the owner logs in", () =>
      Effect.gen(function* () {
        const { email, password } = yield* (yield* TestApi).person()
        yield* login(email, password, here)
        yield* times(3, login(email, "wrong", elsewhere))
        yield* login(email, password, here)
        assertLimited(yield* login(email, "wrong", elsewhere), policy)
      })
    )

    it.effect("treats a /64 as the known address for IPv6", () =>
      Effect.gen(function* () {
        const { email, password } = yield* (yield* TestApi).person()
        assert.strictEqual((yield* login(email, password, "2001:db8:7:1::1")).status, 200)
        yield* times(4, login(email, "wrong", elsewhere))
        assertLimited(yield* login(email, password, "2001:db8:7:2::1"), policy)
        for (const from of ["2001:db8:7:1::1", "2001:db8:7:1:ffff::2", "[2001:0DB8:7:1:0:0:0:3]:5000"]) {
          assert.strictEqual((yield* login(email, password, from)).status, 200, from)
        }
        // All of it has one count.
        for (const host of [4, 5, 6]) assertRefused(yield* login(email, "wrong", `2001:db8:7:1::${host}`))
        assertLimited(yield* login(email, password, "2001:db8:7:1::1"), policy)
      })
    )

    it.effect("treats a known IPv4 address as known in its IPv6 form", () =>
      Effect.gen(function* () {
        const { email, password } = yield* (yield* TestApi).person()
        assert.strictEqual((yield* login(email, password, here)).status, 200)
        yield* times(4, login(email, "wrong", elsewhere))
        assert.strictEqual((yield* login(email, password, `::ffff:${here}`)).status, 200)
      })
    )

    it.effect("treats the /64 of an address as known that an older release stored whole", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, id, password } = yield* api.person()
        yield* api.sql`insert into login_addresses (user_id, ip, last_login_at) values
          (${id}, '2001:db8:8:1::1', now()), (${id}, '198.51.100.77', now())`
        yield* times(4, login(email, "wrong", elsewhere))
        assertLimited(yield* login(email, password, "2001:db8:8:2::1"), policy)
        assert.strictEqual((yield* login(email, password, "2001:db8:8:1:2:3:4:5")).status, 200)
        assert.strictEqual((yield* login(email, password, "198.51.100.77")).status, 200)
      })
    )

    it.effect("treats an address as unknown 30 days after its last login", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, password } = yield* api.person()
        yield* login(email, password, here)
        yield* api.pass("31 days")
        yield* times(3, login(email, "wrong", elsewhere))
        assertLimited(yield* login(email, password, here), policy)
      })
    )

    it.effect("does not reveal whether an account exists", () =>
      Effect.gen(function* () {
        const known = yield* (yield* TestApi).person()
        const unknown = freshEmail()
        const of = (email: string) =>
          Effect.map(times(5, login(email, "wrong")), (answers) => answers.map((a) => a.status))
        assert.deepStrictEqual(yield* of(known.email), yield* of(unknown))
      })
    )
  })
})

describe("RATE_LIMIT_LOGIN_IP", () => {
  it.layer(layerEmbedded({ ...proxied, RATE_LIMIT_LOGIN_IP: "4/5m" }), { excludeTestServices: true })((it) => {
    const policy = { name: "login-ip", limit: 4, seconds: 300 }

    it.effect("counts all attempts of an address, for any account and with any outcome", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        assert.strictEqual((yield* login(person.email, person.password)).status, 200)
        for (const _ of [1, 2, 3]) assertRefused(yield* login(freshEmail(), "wrong"))
        assertLimited(yield* login(person.email, person.password), policy)
        assert.strictEqual((yield* login(person.email, person.password, elsewhere)).status, 200)
      })
    )

    it.effect("counts an IPv6 client by its /64", () =>
      Effect.gen(function* () {
        for (const host of ["1", "2", "3", "a:b"])
          assertRefused(yield* login(freshEmail(), "wrong", `2001:db8::${host}`))
        assertLimited(yield* login(freshEmail(), "wrong", "2001:db8::ffff:1:1"), policy)
        assertPasses(yield* login(freshEmail(), "wrong", "2001:db8:0:1::1"))
      })
    )
  })
})

describe("RATE_LIMIT_REFRESH", () => {
  it.layer(layerEmbedded({ RATE_LIMIT_REFRESH: "3/1m" }), { excludeTestServices: true })((it) => {
    const policy = { name: "refresh", limit: 3, seconds: 60 }
    const refresh = (token: string) =>
      Effect.flatMap(TestApi, ({ send }) => send("POST", "/api/v1/users/token/refresh/", { body: { refresh: token } }))

    it.effect("counts the refreshes of a session with any of its tokens", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person)
        const first = (yield* refresh(person.refresh)).body.refresh
        const second = (yield* refresh(first)).body.refresh
        assert.strictEqual((yield* refresh(first)).body.refresh, second)
        assertLimited(yield* refresh(second), policy)
        assertLimited(yield* refresh(first), policy)
        assert.strictEqual((yield* refresh(other.refresh)).status, 200)
      })
    )

    it.effect("a reused token ends the session also beyond the limit", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        let { refresh: token } = person
        for (const _ of [1, 2, 3]) token = (yield* refresh(token)).body.refresh
        assertLimited(yield* refresh(token), policy)
        assertTokenInvalid(yield* refresh(person.refresh))
        for (const used of [person.refresh, token]) assertTokenInvalid(yield* refresh(used))
        assertTokenInvalid(yield* api.send("GET", "/api/v1/users/profile/", { token: person.access }))
        const revoked = yield* api.sql`
          select payload->>'reason' as reason from outbox where user_id = ${person.id} and event_type = 'SessionRevoked'`
        assert.deepStrictEqual(revoked, [{ reason: "reuse_detected" }])
      })
    )

    it.effect(
      "beyond the limit a replaced token is refused within the grace period, and ends the session after it",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          let { refresh: token } = yield* api.person()
          let replaced = token
          for (const _ of [1, 2, 3]) {
            replaced = token
            token = (yield* refresh(token)).body.refresh
          }
          yield* api.pass("9500 millis")
          assertLimited(yield* refresh(replaced), policy)
          yield* api.pass("700 millis")
          assertTokenInvalid(yield* refresh(replaced))
          assertTokenInvalid(yield* refresh(token))
        })
    )

    it.effect("beyond the limit the session of a token is looked up once a second", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { id, refresh: token } = yield* api.person()
        let current = token
        for (const _ of [1, 2, 3]) current = (yield* refresh(current)).body.refresh
        assertLimited(yield* refresh(current), policy)
        // What ended behind the service's back is what it has to look up to see.
        yield* api.sql`update sessions set revoked_at = now(), revoked_reason = 'revoked' where user_id = ${id}`
        for (const answer of yield* times(20, refresh(current))) assertLimited(answer, policy)
        yield* api.pass("1 second")
        assertTokenInvalid(yield* refresh(current))
      })
    )

    it.effect("a refused token remains valid after the window", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        let { refresh: token } = yield* api.person()
        for (const _ of [1, 2, 3]) token = (yield* refresh(token)).body.refresh
        assertLimited(yield* refresh(token), policy)
        yield* api.pass("1 minute")
        assert.strictEqual((yield* refresh(token)).status, 200)
      })
    )

    it.effect("does not count invalid tokens", () =>
      Effect.gen(function* () {
        const { refresh: token } = yield* (yield* TestApi).person()
        for (const answer of yield* times(5, refresh(`${token}x`))) assert.strictEqual(answer.status, 401)
        assert.strictEqual((yield* refresh(token)).status, 200)
      })
    )
  })
})

describe("RATE_LIMIT_CHANGE_PASSWORD", () => {
  it.layer(layerEmbedded({ RATE_LIMIT_CHANGE_PASSWORD: "2/15m" }), { excludeTestServices: true })((it) => {
    const policy = { name: "change-password", limit: 2, seconds: 900 }
    const change = (token: string, old_password: string, confirm = "another horse") =>
      Effect.flatMap(TestApi, ({ send }) =>
        send("POST", "/api/v1/users/change-password/", {
          token,
          body: { old_password, new_password: "another horse", new_password_confirm: confirm }
        })
      )

    it.effect("counts a user's attempts in all of their sessions, before the password is checked", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person)
        const stranger: Person = yield* api.person()
        assert.strictEqual((yield* change(person.access, "wrong")).status, 422)
        assert.strictEqual((yield* change(other.access, "wrong")).status, 422)
        assertLimited(yield* change(person.access, goodPassword), policy)
        assert.strictEqual((yield* change(stranger.access, goodPassword)).status, 200)
        yield* api.pass("15 minutes")
        assert.strictEqual((yield* change(person.access, goodPassword)).status, 200)
      })
    )

    it.effect("does not count an invalid body", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const answer of yield* times(4, change(access, "wrong", "different"))) {
          assert.strictEqual(answer.status, 422)
        }
        assert.strictEqual((yield* change(access, goodPassword)).status, 200)
      })
    )
  })
})

describe("RATE_LIMIT_WRITE", () => {
  it.layer(layerEmbedded({ RATE_LIMIT_WRITE: "8/1m" }), { excludeTestServices: true })((it) => {
    const policy = { name: "write", limit: 8, seconds: 60 }
    const users = "/api/v1/users"
    const write = (token: string, method: string, path: string, body?: unknown) =>
      Effect.flatMap(TestApi, ({ send }) => send(method, `${users}/${path}/`, { token, body }))
    const put = (token: string) => write(token, "PUT", "preferences", { frequency_limit: 7 })

    it.effect("counts all writes of a user in all of their sessions", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { access: other } = yield* api.login(person)
        const token = { token: `t-${person.id}`, platform: "web" }
        const registered = yield* write(person.access, "POST", "push-tokens", token)
        const { id } = registered.body.data
        const statuses = [
          registered,
          yield* put(other),
          yield* write(person.access, "PATCH", "preferences", { push_marketing: true }),
          yield* write(other, "PUT", "profile", { profile: { bio: "b" } }),
          yield* write(person.access, "PATCH", "profile", { profile: { bio: "c" } }),
          yield* write(person.access, "PATCH", `push-tokens/${id}`, { device_name: "n" }),
          yield* write(other, "POST", "push-tokens/deactivate_all"),
          yield* write(other, "DELETE", `push-tokens/${id}`)
        ].map(({ status }) => status)
        assert.deepStrictEqual(statuses, [201, 200, 200, 200, 200, 200, 200, 204])
        assertLimited(yield* put(person.access), policy)
        assertLimited(yield* write(other, "POST", "push-tokens", token), policy)
        assert.strictEqual((yield* put((yield* api.person()).access)).status, 200)
        yield* api.pass("1 minute")
        assert.strictEqual((yield* put(person.access)).status, 200)
      })
    )

    it.effect("permits exactly the limit of concurrent writes", () =>
      Effect.gen(function* () {
        const { access, id } = yield* (yield* TestApi).person()
        const answers = yield* repeatConcurrently(40, put(access))
        assert.strictEqual(answers.filter(({ status }) => status === 200).length, 8)
        assert.strictEqual(answers.filter(({ status }) => status === 429).length, 32)
        const { sql } = yield* TestApi
        assert.lengthOf(yield* sql`select 1 from outbox where user_id = ${id} and event_type = 'PreferencesUpdated'`, 8)
      })
    )

    it.effect("does not apply to reads, password changes and ends of sessions", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person)
        yield* times(8, put(person.access))
        assertLimited(yield* put(person.access), policy)
        for (const path of ["profile", "preferences", "push-tokens", "sessions", "notifications"]) {
          assert.strictEqual((yield* write(person.access, "GET", path)).status, 200, path)
        }
        const { body } = yield* write(other.access, "GET", "sessions")
        const { id } = body.data.find((session: { readonly current: boolean }) => session.current)
        assert.strictEqual((yield* write(person.access, "DELETE", `sessions/${id}`)).status, 204)
        const passwords = {
          old_password: goodPassword,
          new_password: "another horse",
          new_password_confirm: "another horse"
        }
        const changed = yield* write(person.access, "POST", "change-password", passwords)
        assert.strictEqual(changed.status, 200)
        assert.strictEqual((yield* write(changed.body.data.tokens.access, "POST", "logout-all")).status, 200)
      })
    )

    it.effect("does not count requests without a valid token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person)
        yield* api.send("POST", `${users}/logout/`, { token: other.access })
        for (const answer of yield* times(10, put(other.access))) assert.strictEqual(answer.status, 401)
        assert.strictEqual((yield* put(person.access)).status, 200)
      })
    )
  })
})

describe("limits that are off", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("permit every attempt", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        for (const answer of yield* repeatConcurrently(30, login(person.email, "wrong"))) assertPasses(answer)
        let { refresh } = person
        for (let count = 0; count < 35; count++) {
          const answer = yield* api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh } })
          assert.strictEqual(answer.status, 200)
          refresh = answer.body.refresh
        }
        assert.strictEqual((yield* login(person.email, person.password)).status, 200)
      })
    )
  })
})

describe("a full queue of password hashes", () => {
  // Dear enough that attempts which come together are still at it when the last of them comes.
  const environment = { HASH_QUEUE_SIZE: "1", BCRYPT_COST: "12", RATE_LIMIT_LOGIN_ACCOUNT: "12/1h" }
  it.layer(layerEmbedded(environment), { excludeTestServices: true })((it) => {
    it.effect(
      "is answered by 503 with Retry-After at once, and the attempt is refunded",
      () =>
        Effect.gen(function* () {
          const { email } = yield* (yield* TestApi).person()
          const burst = yield* repeatConcurrently(12, login(email, "wrong"))
          const unavailable = burst.filter(({ status }) => status === 503)
          assert.isAbove(unavailable.length, 0)
          for (const answer of unavailable) {
            const after = answer.headers.get("retry-after") ?? ""
            assert.match(after, /^[1-9]\d*$/)
            const message = `The password hashing is not available, try again in ${after} s`
            assertFailure(answer, 503, "service_unavailable", message)
          }
          const counted = burst.length - unavailable.length
          // As many as were given back may still be made, and not one more.
          for (const answer of yield* times(12 - counted, login(email, "wrong"))) assertRefused(answer)
          assert.strictEqual((yield* login(email, "wrong")).status, 429)
        }),
      // Hashes of a real cost, one after the other.
      120_000
    )

    it.effect("a full queue of estimates of new passwords is answered in the same way, and delays no login", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        // Of the kind that takes longest to estimate, and easy to guess nevertheless.
        const password = "1l!|".repeat(256)
        const register = api.send("POST", "/api/v1/users/register/", { body: { email: freshEmail(), password } })
        const burst = yield* repeatConcurrently(24, register)
        assert.deepStrictEqual(new Set(burst.map(({ status }) => status)), new Set([422, 503]))
        for (const answer of burst.filter(({ status }) => status === 503)) {
          const after = answer.headers.get("retry-after") ?? ""
          const message = `The password estimation is not available, try again in ${after} s`
          assertFailure(answer, 503, "service_unavailable", message)
        }
        yield* api.login(person)
      })
    )

    it.effect("does not delay reads behind refused requests", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { access: token } = yield* api.login(person)
        // Over connections that stand: new ones are taken one a turn of the event loop.
        yield* repeatConcurrently(100, login(person.email, "wrong"))
        const answered: Array<number> = []
        const note = Effect.map((answer: { readonly status: number }) => answered.push(answer.status))
        yield* Effect.all(
          [
            ...Array.from({ length: 100 }, () => note(login(person.email, "wrong"))),
            note(api.send("GET", "/api/v1/users/profile/", { token }))
          ],
          { concurrency: "unbounded" }
        )
        assert.isBelow(answered.indexOf(200), 50)
      })
    )
  })
})
