import { assert, describe, it } from "@effect/vitest"
import { FailedLogins } from "@user-service/core/limits/FailedLogins"
import { Logins } from "@user-service/core/accounts/Logins"
import { CurrentOrigin } from "@user-service/core/Origin"
import { Storage } from "@user-service/database/Storage"
import { Email } from "@user-service/domain/Email"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Duration, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { freshEmail, layer, password, register, tagOf } from "../TestCore.ts"

const wrong = Redacted.make("not the password")
const home = "192.0.2.1"
const stranger = "203.0.113.1"

const loginFrom = (ip: string, email: Email, given = password) =>
  Logins.use((logins) => logins.login({ email, password: given, deviceName: "" })).pipe(
    Effect.provideService(CurrentOrigin, { ip, network: ip, userAgent: "" })
  )

const outcome = (ip: string, email: Email, given = wrong) => tagOf(loginFrom(ip, email, given))

const failFrom = (ip: string, email: Email, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => outcome(ip, email))

const registerFrom = (ip: string) =>
  register.pipe(Effect.provideService(CurrentOrigin, { ip, network: ip, userAgent: "" }))

const failed = "InvalidCredentials"
const limited = "RateLimited"

describe("after a hundred failed logins in a row", () => {
  it.layer(layer())((it) => {
    it.effect("unknown addresses share one attempt an hour", () =>
      Effect.gen(function* () {
        const { email } = yield* registerFrom(home)
        assert.deepStrictEqual(new Set(yield* failFrom(stranger, email, 100)), new Set([failed]))
        assert.strictEqual(yield* outcome(stranger, email), failed)
        assert.strictEqual(yield* outcome(stranger, email), limited)
        const refusal = yield* Effect.flip(loginFrom("198.51.100.9", email))
        assert.deepInclude(refusal, { _tag: limited, retryAfterSeconds: 3600 })
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* outcome(stranger, email), limited)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* outcome("198.51.100.9", email), failed)
        assert.strictEqual(yield* outcome(stranger, email), limited)
      })
    )

    it.effect("a known address is never refused, and its owner's login lets all others try again", () =>
      Effect.gen(function* () {
        const { email } = yield* registerFrom(home)
        yield* failFrom(stranger, email, 101)
        assert.deepStrictEqual(new Set(yield* failFrom(home, email, 30)), new Set([failed]))
        assert.strictEqual(yield* outcome(stranger, email), limited)
        yield* loginFrom(home, email)
        assert.strictEqual(yield* outcome(stranger, email), failed)
      })
    )

    it.effect("a login by that attempt makes its address known, and ends the refusals only from there", () =>
      Effect.gen(function* () {
        const { email } = yield* registerFrom(home)
        const hotel = "198.51.100.20"
        yield* failFrom(stranger, email, 100)
        yield* loginFrom(hotel, email)
        assert.strictEqual(yield* outcome(stranger, email), limited)
        yield* loginFrom(hotel, email)
        assert.strictEqual(yield* outcome(stranger, email), failed)
      })
    )

    it.effect("an e-mail without an account is refused in the same way", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        assert.deepStrictEqual(new Set(yield* failFrom(stranger, email, 101)), new Set([failed]))
        const refusal = yield* Effect.flip(loginFrom(home, email))
        const { email: known } = yield* registerFrom(home)
        yield* failFrom(stranger, known, 101)
        assert.deepStrictEqual(refusal, yield* Effect.flip(loginFrom(stranger, known)))
      })
    )

    it.effect("a spelling of the same mailbox is the same e-mail", () =>
      Effect.gen(function* () {
        const local = freshEmail().split("@")[0]
        yield* failFrom(stranger, Email.make(`${local}@bücher.example`), 101)
        assert.strictEqual(yield* outcome(stranger, Email.make(`${local}@xn--bcher-kva.example`)), limited)
      })
    )

    it.effect("a reset of the password permits attempts from all addresses", () =>
      Effect.gen(function* () {
        const { email, userId } = yield* registerFrom(home)
        yield* failFrom(stranger, email, 101)
        const { clearOf } = yield* FailedLogins
        yield* (yield* Storage).transaction(clearOf(userId))
        assert.strictEqual(yield* outcome(stranger, email), failed)
      })
    )

    it.effect("they are forgotten thirty days after the last", () =>
      Effect.gen(function* () {
        const { email } = yield* registerFrom(home)
        const sql = yield* SqlClient.SqlClient
        yield* failFrom(stranger, email, 101)
        yield* sql`
          update failed_logins set last_failed_at = last_failed_at - interval '30 days' + interval '1 second',
            next_try_at = next_try_at - interval '30 days'`
        assert.strictEqual(yield* outcome(stranger, email), failed)
        assert.strictEqual(yield* outcome(stranger, email), limited)
        yield* sql`update failed_logins set last_failed_at = last_failed_at - interval '30 days'`
        yield* failFrom(stranger, email, 100)
        assert.strictEqual(yield* outcome(stranger, email), failed)
        assert.strictEqual(yield* outcome(stranger, email), limited)
      })
    )

    it.effect("an attempt that the service could not check does not count, and does not use up the hour", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        const { guard } = yield* FailedLogins
        const unavailable = Effect.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 })).pipe(
          guard({ key: email, isKnownAddress: false }),
          tagOf
        )
        yield* Effect.replicateEffect(unavailable, 10)
        yield* failFrom(stranger, email, 100)
        assert.deepStrictEqual(yield* Effect.replicateEffect(unavailable, 3), Array(3).fill("ServiceUnavailable"))
        assert.strictEqual(yield* outcome(stranger, email), failed)
        assert.strictEqual(yield* outcome(stranger, email), limited)
      })
    )

    it.effect("of any number of concurrent attempts, exactly a hundred and one are checked", () =>
      Effect.gen(function* () {
        const email = freshEmail()
        const { guard } = yield* FailedLogins
        const attempt = Effect.fail({ _tag: failed } as const).pipe(guard({ key: email, isKnownAddress: false }), tagOf)
        const outcomes = yield* Effect.replicateEffect(attempt, 200, { concurrency: "unbounded" })
        assert.strictEqual(outcomes.filter((tag) => tag === failed).length, 101)
      })
    )
  })
})

const twoAnAccount = { loginAccount: Option.some({ name: "login-account", limit: 2, window: Duration.minutes(5) }) }

describe("with two attempts an account in five minutes", () => {
  it.layer(layer({ limits: twoAnAccount }))((it) => {
    it.effect(
      "a refusal of the account's limit is not the try of the hour, and its refusals do not fill that limit",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { email } = yield* registerFrom(home)
          const policyFrom = (ip: string) =>
            Effect.map(Effect.flip(loginFrom(ip, email, wrong)), (error) =>
              error._tag === "RateLimited" ? error.policy : error._tag
            )
          yield* policyFrom(stranger)
          yield* sql`update failed_logins set failures = 99`
          assert.strictEqual(yield* policyFrom(stranger), failed)
          assert.strictEqual(yield* policyFrom(stranger), "login-account")
          yield* TestClock.adjust("5 minutes")
          assert.strictEqual(yield* policyFrom(stranger), failed)
          for (let time = 0; time < 5; time++) assert.strictEqual(yield* policyFrom(stranger), "failed-logins")
        })
    )
  })
})

describe("before a hundred failed logins in a row", () => {
  it.layer(layer())((it) => {
    it.effect("any login ends the row", () =>
      Effect.gen(function* () {
        const { email } = yield* registerFrom(home)
        yield* failFrom(stranger, email, 99)
        yield* loginFrom("198.51.100.30", email)
        assert.deepStrictEqual(new Set(yield* failFrom(stranger, email, 101)), new Set([failed]))
        assert.strictEqual(yield* outcome(stranger, email), limited)
      })
    )

    it.effect("the table holds no address in the clear", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email } = yield* registerFrom(home)
        yield* outcome(stranger, email)
        const found = yield* sql`
          select 1 from failed_logins f where position(convert_to(${email}, 'UTF8') in email_hash) > 0
            or email_hash = sha256(convert_to(${email}, 'UTF8'))`
        assert.lengthOf(found, 0)
      })
    )
  })
})
