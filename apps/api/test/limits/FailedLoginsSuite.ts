import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import { assertFailure } from "../Answers.ts"
import { resetToken } from "../recovery/Mails.ts"
import { type Answer, freshEmail, goodPassword, TestApi } from "../TestApi.ts"

const home = "192.0.2.10"
const stranger = "203.0.113.1"

/** Logs in from the address, through a trusted proxy. */
const login = (from: string, email: string, password = "wrong") =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", "/api/v1/users/login/", {
      body: { email, password },
      headers: { "x-forwarded-for": from, "user-agent": "Firefox" }
    })
  )

const personAt = (from: string) =>
  Effect.gen(function* () {
    const { send } = yield* TestApi
    const email = freshEmail()
    const body = { email, password: goodPassword }
    const { body: answer } = yield* send("POST", "/api/v1/users/register/", {
      body,
      headers: { "x-forwarded-for": from }
    })
    return { email, id: String(answer.data.id) }
  })

const statuses = (answers: ReadonlyArray<Answer>) => answers.map(({ status }) => status)
const countOf = (answers: ReadonlyArray<Answer>, status: number) =>
  statuses(answers).filter((other) => other === status).length

const fail = (from: string, email: string, count: number) =>
  Effect.replicateEffect(login(from, email), count, { concurrency: 8 })

const assertLimited = (answer: Answer): void => {
  assertFailure(answer, 429, "rate_limited", "Too many attempts. Try again in 3600 seconds.")
  assert.strictEqual(answer.headers.get("retry-after"), "3600")
  assert.strictEqual(answer.headers.get("ratelimit-policy"), `"failed-logins";q=1;w=3600`)
  assert.strictEqual(answer.headers.get("ratelimit"), `"failed-logins";r=0;t=3600`)
}

/** The environment of the service under test: all limits are off, and the queue of hashes takes all attempts of a test. */
export const environment = { TRUSTED_PROXIES: "127.0.0.1", HASH_QUEUE_SIZE: "1000" }

/** Failed logins in a row over HTTP, on the given engines. */
export const suite = <E>(name: string, api: Layer.Layer<TestApi, E>) =>
  describe(`a hundred failed logins in a row, ${name}`, () => {
    it.layer(api, { excludeTestServices: true })((it) => {
      it.effect("leave unknown addresses one attempt an hour, and do not limit the owner's address", () =>
        Effect.gen(function* () {
          const { pass } = yield* TestApi
          const { email } = yield* personAt(home)
          assert.strictEqual(countOf(yield* fail(stranger, email, 100), 401), 100)
          assert.strictEqual((yield* login("198.51.100.7", email)).status, 401)
          assertLimited(yield* login(stranger, email))
          assertLimited(yield* login("198.51.100.7", email, goodPassword))
          assert.deepStrictEqual(statuses(yield* fail(home, email, 5)), [401, 401, 401, 401, 401])
          yield* pass("1 hour")
          assert.strictEqual((yield* login(stranger, email)).status, 401)
          assertLimited(yield* login(stranger, email))
          assert.strictEqual((yield* login(home, email, goodPassword)).status, 200)
          assert.strictEqual((yield* login(stranger, email)).status, 401)
        })
      )

      it.effect("are counted and answered in the same way for an e-mail without an account", () =>
        Effect.gen(function* () {
          const { email } = yield* personAt(home)
          const ofKnown = yield* fail(stranger, email, 103)
          const ofUnknown = yield* fail(stranger, freshEmail(), 103)
          for (const answers of [ofKnown, ofUnknown]) {
            assert.deepStrictEqual([countOf(answers, 401), countOf(answers, 429)], [101, 2])
          }
          const texts = (answers: ReadonlyArray<Answer>) => new Set(answers.map(({ text }) => text))
          assert.deepStrictEqual(texts(ofKnown), texts(ofUnknown))
        })
      )

      it.effect("are exactly a hundred and one of any number of concurrent attempts", () =>
        Effect.gen(function* () {
          const { email } = yield* personAt(home)
          const answers = yield* Effect.replicateEffect(login(stranger, email), 150, { concurrency: "unbounded" })
          assert.deepStrictEqual([countOf(answers, 401), countOf(answers, 429)], [101, 49])
        })
      )

      it.effect("end with a password reset, after which only the network of the reset is known", () =>
        Effect.gen(function* () {
          const { send } = yield* TestApi
          const [squatter, owner] = [home, "198.51.100.40"]
          const person = yield* personAt(squatter)
          yield* fail(stranger, person.email, 101)
          const confirmed = yield* send("POST", "/api/v1/users/password-reset/confirm/", {
            body: { token: yield* resetToken(person), new_password: "nine quiet otters" },
            headers: { "x-forwarded-for": owner }
          })
          assert.strictEqual(confirmed.status, 200)
          assert.strictEqual((yield* login(stranger, person.email)).status, 401)
          yield* fail(stranger, person.email, 100)
          assertLimited(yield* login(squatter, person.email))
          assert.strictEqual((yield* login(owner, person.email, "nine quiet otters")).status, 200)
        })
      )

      it.effect("are deleted when the account is erased", () =>
        Effect.gen(function* () {
          const { send, sql } = yield* TestApi
          const count = Effect.map(sql`select count(*)::int as count from failed_logins`, ([row]) => row?.["count"])
          const before = yield* count
          const { email, id } = yield* personAt(home)
          const { body } = yield* login(home, email, goodPassword)
          yield* fail(stranger, email, 3)
          assert.strictEqual(yield* count, Number(before) + 1)
          const erased = yield* send("DELETE", "/api/v1/users/profile/", {
            token: body.data.tokens.access,
            body: { password: goodPassword }
          })
          assert.strictEqual(erased.status, 204)
          assert.strictEqual(yield* count, before)
          assert.lengthOf(yield* sql`select 1 from known_networks where user_id = ${id}`, 0)
        })
      )

      it.effect("are in the log and in the metric with their reason, and without the e-mail", () =>
        Effect.gen(function* () {
          const { log, send } = yield* TestApi
          const { email, id } = yield* personAt(home)
          yield* fail(stranger, email, 102)
          const refusals = (yield* log).filter((line) => JSON.stringify(line).includes("too_many_failures"))
          assert.isTrue(refusals.some((line) => JSON.stringify(line).includes(id)))
          assert.notInclude(JSON.stringify(refusals), email)
          const { text } = yield* send("GET", "/metrics")
          assert.match(text, /auth_refusals_total\{event="login_refused",reason="too_many_failures"\} [1-9]/)
        })
      )
    })

    it.layer(api, { excludeTestServices: true })("a login from a new network", (it) => {
      it.effect("is reported to the user once, as a security notification", () =>
        Effect.gen(function* () {
          const { send, sql } = yield* TestApi
          const { email, id } = yield* personAt(home)
          assert.strictEqual((yield* login("192.0.2.200", email, goodPassword)).status, 200)
          assert.lengthOf(
            yield* sql`select 1 from mail_outbox where user_id = ${id} and mail_type = 'SecurityNoticeMail'`,
            0
          )
          const { body } = yield* login(stranger, email, goodPassword)
          yield* login(stranger, email, goodPassword)
          const mails = yield* sql`
            select id, payload->>'kind' as kind, payload->>'ip' as ip, payload->>'userAgent' as agent, payload->>'email' as email
            from mail_outbox where user_id = ${id} and mail_type = 'SecurityNoticeMail'`
          assert.lengthOf(mails, 1)
          assert.deepInclude(mails[0], { kind: "new_device", ip: stranger, agent: "Firefox", email })
          const token = body.data.tokens.access
          const listed = yield* send("GET", "/api/v1/users/notifications/?channel=email", { token })
          assert.isTrue(
            listed.body.data.some(
              (delivery: { readonly notification_id: string; readonly category: string }) =>
                delivery.notification_id === mails[0]?.["id"] && delivery.category === "security"
            )
          )
        })
      )

      it.effect("leaves no address, e-mail or user agent in the clear", () =>
        Effect.gen(function* () {
          const { sql } = yield* TestApi
          const { email } = yield* personAt(home)
          yield* login(stranger, email, goodPassword)
          yield* login(stranger, email)
          const stored = yield* sql`
            select k::text as text from known_networks k union all select f::text from failed_logins f`
          for (const { text } of stored) {
            for (const clear of [home, stranger, email, "Firefox"]) assert.notInclude(String(text), clear)
          }
          assert.lengthOf(yield* sql`select 1 from login_addresses`, 0)
        })
      )
    })
  })
