import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertInvalid, assertSuccess, assertUnauthenticated } from "../Answers.ts"
import { freshEmail, goodPassword, type Person, TestApi } from "../TestApi.ts"
import { eventsSince, mailsOf, resetToken, tokenOf } from "./Mails.ts"
import type { Engines } from "./Engines.ts"

const users = "/api/v1/users"
const refused = { token: ["This link is invalid or has expired."] }
const accepted = "A link to confirm the change will be sent to the new email address"

const request = ({ access }: Pick<Person, "access">, newEmail: unknown, password: string = goodPassword) =>
  TestApi.use(({ send }) =>
    send("POST", `${users}/change-email/`, { token: access, body: { new_email: newEmail, password } })
  )

const confirm = (token: unknown) =>
  TestApi.use(({ send }) => send("POST", `${users}/change-email/confirm/`, { body: { token } }))

/** Requests the change and returns the token that was sent to the new address. */
const changeToken = Effect.fnUntraced(function* (person: Person, newEmail: string) {
  assertSuccess(yield* request(person, newEmail), 202, accepted, {})
  return yield* tokenOf(person.id, "EmailChangeMail")
})

const profile = (token: string) => TestApi.use(({ send }) => send("GET", `${users}/profile/`, { token }))

/** The contract of these routes, over any engines. */
export const suite = (name: string, layer: Engines) =>
  describe(name, () => {
    describe("changing the e-mail address", () => {
      it.layer(layer(), { excludeTestServices: true })((it) => {
        it.effect("sends a token to the new address and a notice to the old one, and changes nothing yet", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const someone = yield* person()
            const newEmail = freshEmail()
            assertSuccess(yield* request(someone, ` ${newEmail.toUpperCase()}`), 202, accepted, {})
            const [, toNew, toOld, ...others] = yield* mailsOf(someone.id)
            assert.deepStrictEqual(others, [])
            assert.deepInclude(toNew, { type: "EmailChangeMail", email: newEmail })
            assert.deepStrictEqual(toOld, { type: "EmailChangeRequestedMail", email: someone.email, token: null })
            assert.deepInclude((yield* profile(someone.access)).body.data, { email: someone.email, is_verified: false })
          })
        )

        it.effect("the confirmation swaps the address, verifies it and ends the other sessions", () =>
          Effect.gen(function* () {
            const { login, person, sql } = yield* TestApi
            const someone = yield* person()
            const other = yield* login(someone)
            yield* sql`
            insert into suppressions (user_id, email, reason, created_at)
            values (${someone.id}, ${someone.email}, 'hard_bounce', now())`
            const reset = yield* resetToken(someone)
            const newEmail = freshEmail()
            const token = yield* changeToken(someone, newEmail)
            const before = (yield* eventsSince(someone.id, 0)).length
            assertSuccess(yield* confirm(token), 200, "Email changed successfully", {})

            const kept = yield* profile(someone.access)
            assert.deepInclude(kept.body.data, { email: newEmail, is_verified: true })
            assert.strictEqual((yield* profile(other.access)).status, 401)
            assert.deepStrictEqual(yield* eventsSince(someone.id, before), [
              "UserEmailChanged",
              "UserEmailVerified",
              "UserUpdated",
              "SessionRevoked email_changed"
            ])
            assert.deepStrictEqual((yield* mailsOf(someone.id)).at(-1), {
              type: "EmailChangedMail",
              email: someone.email,
              token: null
            })
            assert.deepStrictEqual(yield* sql`select 1 from suppressions where user_id = ${someone.id}`, [])
            const asReset = { token: reset, new_password: "another horse, another staple" }
            const { send } = yield* TestApi
            assertInvalid(yield* send("POST", `${users}/password-reset/confirm/`, { body: asReset }), refused)
            assertInvalid(yield* confirm(token), refused)
            yield* login({ email: newEmail, password: goodPassword })
            // The old address is free again.
            yield* person({ email: someone.email })
          })
        )

        it.effect("a wrong password and a bad address are refused", () =>
          Effect.gen(function* () {
            const { person, send } = yield* TestApi
            const someone = yield* person()
            assertInvalid(yield* request(someone, freshEmail(), "a wrong password"), {
              password: ["The password is incorrect."]
            })
            assertInvalid(
              yield* send("POST", `${users}/change-email/`, { token: someone.access, body: { new_email: "x" } }),
              {
                new_email: ["Enter a valid email address."],
                password: ["This field is required."]
              }
            )
            assertUnauthenticated(yield* send("POST", `${users}/change-email/`, { body: {} }))
            assert.lengthOf(yield* mailsOf(someone.id), 1)
          })
        )

        it.effect("an address that is taken, in any spelling, or is the account's own: 202, and nothing is sent", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const someone = yield* person()
            const taken = yield* person({ email: `p${crypto.randomUUID()}@bücher.example` })
            for (const email of [taken.email, taken.email.replace("bücher", "xn--bcher-kva"), someone.email]) {
              assertSuccess(yield* request(someone, email), 202, accepted, {})
            }
            assert.lengthOf(yield* mailsOf(someone.id), 1)
          })
        )

        it.effect("a request that sends nothing replaces an older one too, but not with a wrong password", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const [someone, taken] = [yield* person(), yield* person()]
            const token = yield* changeToken(someone, freshEmail())
            assert.strictEqual((yield* request(someone, taken.email, "a wrong password")).status, 422)
            assert.strictEqual((yield* confirm(token)).status, 200)
            const older = yield* changeToken(someone, freshEmail())
            assertSuccess(yield* request(someone, taken.email), 202, accepted, {})
            assertInvalid(yield* confirm(older), refused)
          })
        )

        it.effect("a confirmation that meets a taken address, and one that was replaced, are refused", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const someone = yield* person()
            const wanted = freshEmail()
            const older = yield* changeToken(someone, freshEmail())
            const token = yield* changeToken(someone, wanted)
            assertInvalid(yield* confirm(older), refused)
            yield* person({ email: wanted })
            assertInvalid(yield* confirm(token), refused)
            assert.strictEqual((yield* profile(someone.access)).body.data.email, someone.email)
          })
        )

        it.effect("of several users who confirm the same address, one gets it", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const wanted = freshEmail()
            const tokens = yield* Effect.forEach([1, 2, 3, 4], () =>
              Effect.flatMap(person(), (someone) => changeToken(someone, wanted))
            )
            const answers = yield* Effect.forEach(tokens, confirm, { concurrency: "unbounded" })
            assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [200, 422, 422, 422])
          })
        )

        it.effect("a username that is the old address follows, and any other stays", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const email = freshEmail()
            const someone = yield* person({ email, username: email })
            const newEmail = freshEmail()
            assert.strictEqual((yield* confirm(yield* changeToken(someone, newEmail))).status, 200)
            assert.strictEqual((yield* profile(someone.access)).body.data.username, newEmail)

            // No username may have an apostrophe.
            const local = `o'brien${crypto.randomUUID()}`
            assert.strictEqual((yield* confirm(yield* changeToken(someone, `${local}@example.com`))).status, 200)
            assert.strictEqual((yield* profile(someone.access)).body.data.username, local.replace("'", ""))
            assert.strictEqual((yield* confirm(yield* changeToken(someone, freshEmail()))).status, 200)
            assert.strictEqual((yield* profile(someone.access)).body.data.username, local.replace("'", ""))
          })
        )

        it.effect("the token is void once the session that requested it was ended, but not with another one", () =>
          Effect.gen(function* () {
            const { login, person, send } = yield* TestApi
            const someone = yield* person()
            const first = yield* changeToken(someone, freshEmail())
            const thief = { ...someone, ...(yield* login(someone)) }
            assert.strictEqual((yield* send("POST", `${users}/logout/`, { token: thief.access })).status, 200)
            assert.strictEqual((yield* confirm(first)).status, 200)

            const owner = yield* person()
            const stolen = { ...owner, ...(yield* login(owner)) }
            for (const end of ["logout", "logout-all"]) {
              const token = yield* changeToken(stolen, freshEmail())
              const { access } = end === "logout" ? stolen : owner
              assert.strictEqual((yield* send("POST", `${users}/${end}/`, { token: access })).status, 200)
              assertInvalid(yield* confirm(token), refused)
              Object.assign(stolen, yield* login(owner))
            }
          })
        )

        it.effect(
          "the token is void once the session that requested it has expired, which no later logout revokes",
          () =>
            Effect.gen(function* () {
              const { person, sql } = yield* TestApi
              const someone = yield* person()
              const token = yield* changeToken(someone, freshEmail())
              yield* sql`update sessions set expires_at = now() where user_id = ${someone.id}`
              assertInvalid(yield* confirm(token), refused)
            })
        )

        it.effect("a change of the password voids the token, but not that of a reset", () =>
          Effect.gen(function* () {
            const { person, send } = yield* TestApi
            const someone = yield* person()
            const reset = yield* resetToken(someone)
            const token = yield* changeToken(someone, freshEmail())
            const next = "another horse, another staple"
            const body = { old_password: goodPassword, new_password: next, new_password_confirm: next }
            assert.strictEqual(
              (yield* send("POST", `${users}/change-password/`, { token: someone.access, body })).status,
              200
            )
            assertInvalid(yield* confirm(token), refused)
            const asReset = { token: reset, new_password: "yet another horse, another staple" }
            assert.strictEqual((yield* send("POST", `${users}/password-reset/confirm/`, { body: asReset })).status, 200)
          })
        )
      })

      it.layer(layer({ RATE_LIMIT_CHANGE_PASSWORD: "2/15m", RATE_LIMIT_VERIFY_EMAIL: "1/1h" }), {
        excludeTestServices: true
      })((it) => {
        it.effect("counts as a change of the password, and in the limit of the new address", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const [someone, other] = [yield* person(), yield* person()]
            const wanted = freshEmail()
            yield* changeToken(someone, wanted)
            assertSuccess(yield* request(other, wanted), 202, accepted, {})
            assert.lengthOf(yield* mailsOf(other.id), 1)
            assert.strictEqual((yield* request(someone, freshEmail(), "a wrong password")).status, 422)
            const limited = yield* request(someone, freshEmail())
            assertFailure(limited, 429, "rate_limited", "Too many attempts. Try again in 900 seconds.")
          })
        )

        it.effect("a request past the limit of the new address replaces an older one", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const [someone, other] = [yield* person(), yield* person()]
            const wanted = freshEmail()
            yield* changeToken(other, wanted)
            const older = yield* changeToken(someone, freshEmail())
            assertSuccess(yield* request(someone, wanted), 202, accepted, {})
            assertInvalid(yield* confirm(older), refused)
          })
        )
      })
    })
  })
