import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertInvalid, assertSuccess } from "../Answers.ts"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"
import { handleResetRequests, mailsOf, resetToken } from "./Mails.ts"

const users = "/api/v1/users"
const next = "another horse, another staple"
const refused = { token: ["This link is invalid or has expired."] }
const accepted = "If an account has this email address, a link to reset its password will be sent to it"

const ask = (email: unknown) => TestApi.use(({ send }) => send("POST", `${users}/password-reset/`, { body: { email } }))

const confirm = (token: unknown, newPassword: unknown = next) =>
  TestApi.use(({ send }) =>
    send("POST", `${users}/password-reset/confirm/`, { body: { token, new_password: newPassword } })
  )

const changeEmail = (token: string, newEmail: string, password: string = goodPassword) =>
  TestApi.use(({ send }) => send("POST", `${users}/change-email/`, { token, body: { new_email: newEmail, password } }))

const resetMails = (id: string) =>
  Effect.map(mailsOf(id), (mails) => mails.filter(({ type }) => type === "PasswordResetMail"))

describe("the limits of recovery", () => {
  const limits = { RATE_LIMIT_PASSWORD_RESET: "3/1h", RATE_LIMIT_VERIFY_EMAIL: "3/1h" }
  it.layer(layerEmbedded(limits), { excludeTestServices: true })((it) => {
    it.effect("send at most three mails an hour to an address, by whatever request, and answer 202 past that", () =>
      Effect.gen(function* () {
        const { pass, person, send } = yield* TestApi
        const someone = yield* person()
        yield* ask(someone.email)
        const verify = send("POST", `${users}/verify-email/`, { token: someone.access })
        assert.strictEqual((yield* verify).status, 202)
        for (let request = 0; request < 3; request++) assertSuccess(yield* ask(someone.email), 202, accepted, {})
        assert.strictEqual((yield* verify).status, 202)
        yield* handleResetRequests
        assert.lengthOf(yield* resetMails(someone.id), 2)
        // The first one is of the registration.
        assert.lengthOf(
          (yield* mailsOf(someone.id)).filter(({ type }) => type === "EmailVerificationMail"),
          2
        )
        yield* pass("1 hour")
        yield* ask(someone.email)
        yield* handleResetRequests
        assert.lengthOf(yield* resetMails(someone.id), 3)
      })
    )
  })

  it.layer(layerEmbedded(limits), { excludeTestServices: true })((it) => {
    it.effect("requests for a change to a taken address leave its owner every mail", () =>
      Effect.gen(function* () {
        const { person } = yield* TestApi
        const [owner, ...strangers] = [yield* person(), yield* person(), yield* person()]
        for (const { access } of [...strangers, ...strangers, owner, owner]) {
          assert.strictEqual((yield* changeEmail(access, owner.email)).status, 202)
        }
        for (let request = 0; request < 4; request++) assertSuccess(yield* ask(owner.email), 202, accepted, {})
        yield* handleResetRequests
        assert.lengthOf(yield* resetMails(owner.id), 3)
      })
    )

    it.effect("refuse a user's further requests for a change to one address, taken or free, in the same way", () =>
      Effect.gen(function* () {
        const { login, pass, person } = yield* TestApi
        const [someone, taken] = [yield* person(), yield* person()]
        const limited = yield* Effect.forEach([taken.email, freshEmail()], (address) =>
          Effect.gen(function* () {
            // Does not count: nothing could be sent.
            assert.strictEqual((yield* changeEmail(someone.access, address, "a wrong password")).status, 422)
            for (const spelling of [address, address.toUpperCase(), address]) {
              assert.strictEqual((yield* changeEmail(someone.access, spelling)).status, 202)
            }
            const answer = yield* changeEmail(someone.access, address)
            assertFailure(answer, 429, "rate_limited", "Too many attempts. Try again in 3600 seconds.")
            return [answer.text, answer.headers.get("ratelimit-policy"), answer.headers.get("ratelimit")]
          })
        )
        assert.deepStrictEqual(limited[0], limited[1])
        // Other addresses are not affected.
        assert.strictEqual((yield* changeEmail(someone.access, freshEmail())).status, 202)
        yield* pass("1 hour")
        const later = yield* login(someone)
        assert.strictEqual((yield* changeEmail(later.access, taken.email)).status, 202)
      })
    )

    it.effect("answer 202 and send nothing if others have used up the mails to a free address", () =>
      Effect.gen(function* () {
        const { person } = yield* TestApi
        const wanted = freshEmail()
        const [someone, other, last] = [yield* person(), yield* person(), yield* person()]
        for (const { access } of [someone, someone, other, last]) {
          assert.strictEqual((yield* changeEmail(access, wanted)).status, 202)
        }
        const changes = (id: string) =>
          Effect.map(mailsOf(id), (mails) => mails.filter(({ email }) => email === wanted).length)
        assert.deepStrictEqual(
          [yield* changes(someone.id), yield* changes(other.id), yield* changes(last.id)],
          [2, 1, 0]
        )
      })
    )

    it.effect("a request for the verification of an address that is verified does not count", () =>
      Effect.gen(function* () {
        const { person, send, sql } = yield* TestApi
        const someone = yield* person()
        yield* sql`update users set is_verified = true where id = ${someone.id}`
        for (let request = 0; request < 4; request++) {
          assert.strictEqual((yield* send("POST", `${users}/verify-email/`, { token: someone.access })).status, 202)
        }
        yield* ask(someone.email)
        yield* handleResetRequests
        assert.lengthOf(yield* resetMails(someone.id), 1)
      })
    )
  })

  it.layer(layerEmbedded({ RATE_LIMIT_VERIFY_EMAIL: "2/1h", RATE_LIMIT_REGISTER: "off" }), {
    excludeTestServices: true
  })((it) => {
    it.effect("send at most so many mails of registrations to an address, and register past that", () =>
      Effect.gen(function* () {
        const { pass, person, send, sql } = yield* TestApi
        const email = freshEmail()
        const registration = Effect.gen(function* () {
          const { access, id } = yield* person({ email })
          const mails = (yield* mailsOf(id)).length
          const tokens = yield* sql`select 1 from one_time_tokens where user_id = ${id}`
          // A refused registration sends no mail, so it does not count.
          const body = { email, password: goodPassword }
          assert.strictEqual((yield* send("POST", `${users}/register/`, { body })).status, 422)
          const { status } = yield* send("DELETE", `${users}/profile/`, {
            token: access,
            body: { password: goodPassword }
          })
          assert.strictEqual(status, 204)
          return [mails, tokens.length]
        })
        const counts = [yield* registration, yield* registration, yield* registration]
        assert.deepStrictEqual(counts, [
          [1, 1],
          [1, 1],
          [0, 0]
        ])
        yield* pass("1 hour")
        assert.deepStrictEqual(yield* registration, [1, 1])
      })
    )
  })

  it.layer(layerEmbedded({ RATE_LIMIT_MAIL_IP: "3/1h", RATE_LIMIT_CONFIRM: "2/15m" }), { excludeTestServices: true })(
    (it) => {
      it.effect("refuse a client's further requests", () =>
        Effect.gen(function* () {
          const { person, send } = yield* TestApi
          const { access } = yield* person()
          yield* ask(freshEmail())
          yield* ask(freshEmail())
          assert.strictEqual((yield* send("POST", `${users}/verify-email/`, { token: access })).status, 202)
          const answer = yield* ask(freshEmail())
          assertFailure(answer, 429, "rate_limited", "Too many attempts. Try again in 3600 seconds.")
          assert.strictEqual(answer.headers.get("ratelimit-policy"), `"mail-ip";q=3;w=3600`)
          assert.strictEqual((yield* send("POST", `${users}/verify-email/`, { token: access })).status, 429)
        })
      )

      it.effect("count refused confirmations only", () =>
        Effect.gen(function* () {
          const { pass, person } = yield* TestApi
          yield* pass("1 hour")
          const someone = yield* person()
          const password = (index: number) => `another horse, staple number ${index}`
          for (let index = 0; index < 3; index++) {
            assert.strictEqual((yield* confirm(yield* resetToken(someone), password(index))).status, 200)
            if (index === 0) yield* pass("61 minutes")
          }
          assertInvalid(yield* confirm("nothing"), refused)
          assertInvalid(yield* confirm("nothing"), refused)
          assert.strictEqual((yield* confirm("nothing")).status, 429)
          yield* pass("15 minutes")
          assertInvalid(yield* confirm("nothing"), refused)
        })
      )
    }
  )
})
