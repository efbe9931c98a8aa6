import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertInvalid, assertSuccess, assertUnauthenticated } from "../Answers.ts"
import { TestApi } from "../TestApi.ts"
import { eventsSince, mailsOf, resetToken, tokenOf } from "./Mails.ts"
import type { Engines } from "./Engines.ts"

const users = "/api/v1/users"
const refused = { token: ["This link is invalid or has expired."] }
const accepted = "If your email address is not verified yet, a link to verify it will be sent to it"

const request = (token: string) => TestApi.use(({ send }) => send("POST", `${users}/verify-email/`, { token }))

const confirm = (token: unknown) =>
  TestApi.use(({ send }) => send("POST", `${users}/verify-email/confirm/`, { body: { token } }))

const isVerified = (token: string) =>
  TestApi.use(({ send }) =>
    Effect.map(send("GET", `${users}/profile/`, { token }), ({ body }) => body.data.is_verified)
  )

/** The contract of these routes, over any engines. */
export const suite = (name: string, layer: Engines) =>
  describe(name, () => {
    describe("verifying the e-mail address", () => {
      it.layer(layer(), { excludeTestServices: true })((it) => {
        it.effect("the mail of the registration has a token that verifies it, once", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const { access, email, id } = yield* person()
            const [mail, ...others] = yield* mailsOf(id)
            assert.deepStrictEqual(others, [])
            assert.deepInclude(mail, { type: "EmailVerificationMail", email })
            assert.isFalse(yield* isVerified(access))
            const before = (yield* eventsSince(id, 0)).length
            assertSuccess(yield* confirm(mail?.token), 200, "Email verified successfully", {})
            assert.isTrue(yield* isVerified(access))
            assert.deepStrictEqual(yield* eventsSince(id, before), ["UserEmailVerified"])
            assertInvalid(yield* confirm(mail?.token), refused)
          })
        )

        it.effect("a request sends a new token, which replaces the older one", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const { access, email, id } = yield* person()
            const older = yield* tokenOf(id, "EmailVerificationMail")
            assertSuccess(yield* request(access), 202, accepted, {})
            const [, mail] = yield* mailsOf(id)
            assert.deepInclude(mail, { type: "EmailVerificationMail", email })
            assertInvalid(yield* confirm(older), refused)
            assert.strictEqual((yield* confirm(mail?.token)).status, 200)
          })
        )

        it.effect("sends nothing for a verified address, unless it is suppressed, which verifying it again lifts", () =>
          Effect.gen(function* () {
            const { person, sql } = yield* TestApi
            const { access, email, id } = yield* person()
            yield* confirm(yield* tokenOf(id, "EmailVerificationMail"))
            assertSuccess(yield* request(access), 202, accepted, {})
            assert.lengthOf(yield* mailsOf(id), 1)
            yield* sql`
            insert into suppressions (user_id, email, reason, created_at) values (${id}, ${email}, 'complaint', now())`
            yield* request(access)
            const before = (yield* eventsSince(id, 0)).length
            assert.strictEqual((yield* confirm(yield* tokenOf(id, "EmailVerificationMail"))).status, 200)
            assert.deepStrictEqual(yield* sql`select * from suppressions where user_id = ${id}`, [])
            assert.deepStrictEqual(yield* eventsSince(id, before), [])
          })
        )

        it.effect("refuses a token of another purpose, one of an earlier address, an old one and no token", () =>
          Effect.gen(function* () {
            const { pass, person, send, sql } = yield* TestApi
            const someone = yield* person()
            const reset = yield* resetToken(someone)
            assertInvalid(yield* confirm(reset), refused)
            const own = yield* tokenOf(someone.id, "EmailVerificationMail")
            const asReset = { token: own, new_password: "another horse, another staple" }
            assertInvalid(yield* send("POST", `${users}/password-reset/confirm/`, { body: asReset }), refused)
            assertInvalid(yield* send("POST", `${users}/change-email/confirm/`, { body: { token: own } }), refused)
            yield* sql`update users set email = ${`x${someone.email}`} where id = ${someone.id}`
            assertInvalid(yield* confirm(own), refused)
            const other = yield* person()
            const late = yield* tokenOf(other.id, "EmailVerificationMail")
            yield* pass("61 minutes")
            assertInvalid(yield* confirm(late), refused)
            assertInvalid(yield* confirm(undefined), { token: ["This field is required."] })
          })
        )

        it.effect("a request needs a session", () =>
          Effect.gen(function* () {
            const { send } = yield* TestApi
            assertUnauthenticated(yield* send("POST", `${users}/verify-email/`))
          })
        )
      })
    })
  })
