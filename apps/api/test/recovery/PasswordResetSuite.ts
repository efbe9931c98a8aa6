import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertInvalid, assertSuccess } from "../Answers.ts"
import { freshEmail, goodPassword, type Person, TestApi } from "../TestApi.ts"
import { eventsSince, handleResetRequests, mailsOf, resetToken } from "./Mails.ts"
import type { Engines } from "./Engines.ts"

const users = "/api/v1/users"
const next = "another horse, another staple"
const refused = { token: ["This link is invalid or has expired."] }
const accepted = "If an account has this email address, a link to reset its password will be sent to it"

const ask = (email: unknown) => TestApi.use(({ send }) => send("POST", `${users}/password-reset/`, { body: { email } }))

const confirm = (token: unknown, newPassword: unknown = next) =>
  TestApi.use(({ send }) =>
    send("POST", `${users}/password-reset/confirm/`, { body: { token, new_password: newPassword } })
  )

const statusOfLogin = ({ email }: Pick<Person, "email">, password: string) =>
  TestApi.use(({ send }) =>
    Effect.map(send("POST", `${users}/login/`, { body: { email, password } }), ({ status }) => status)
  )

const resetMails = (id: string) =>
  Effect.map(mailsOf(id), (mails) => mails.filter(({ type }) => type === "PasswordResetMail"))

/** Who did what from where, as an export of the account shows it, the newest first. */
const originsOf = ({ access }: Pick<Person, "access">) =>
  TestApi.use(({ send }) =>
    Effect.map(send("GET", `${users}/export/`, { token: access }), ({ body: { data } }) => [
      ...data.sessions.map((session: Record<string, unknown>) => [
        "session",
        session["ip"],
        session["user_agent"],
        session["device_name"]
      ]),
      ...data.security_log.map((entry: Record<string, unknown>) => [entry["action"], entry["ip"], entry["user_agent"]])
    ])
  )

/** The contract of these routes, over any engines. */
export const suite = (name: string, layer: Engines) =>
  describe(name, () => {
    describe("requesting a password reset", () => {
      it.layer(layer(), { excludeTestServices: true })((it) => {
        it.effect(
          "answers the same for a known, an unknown and a disabled address, and only the known one gets a mail",
          () =>
            Effect.gen(function* () {
              const { person, sql } = yield* TestApi
              const known = yield* person()
              const disabled = yield* person()
              yield* sql`update users set is_active = false where id = ${disabled.id}`
              for (const email of [known.email, freshEmail(), disabled.email]) {
                assertSuccess(yield* ask(email), 202, accepted, {})
              }
              const [waiting] = yield* sql`select count(*)::int as total from password_reset_requests`
              assert.deepStrictEqual(waiting, { total: 3 })
              assert.strictEqual(yield* handleResetRequests, 3)
              assert.deepStrictEqual(
                (yield* resetMails(known.id)).map(({ email }) => email),
                [known.email]
              )
              assert.deepStrictEqual(yield* resetMails(disabled.id), [])
              assert.deepStrictEqual(yield* sql`select * from password_reset_requests`, [])
            })
        )

        it.effect("finds the account by any spelling of its address, and writes to the address as it is stored", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const { email, id } = yield* person()
            assert.strictEqual((yield* ask(`  ${email.toUpperCase()} `)).status, 202)
            yield* handleResetRequests
            assert.deepStrictEqual(
              (yield* resetMails(id)).map((mail) => mail.email),
              [email]
            )
          })
        )

        it.effect("records who requested it, and stores no token but its hash", () =>
          Effect.gen(function* () {
            const { person, send, sql } = yield* TestApi
            const { email, id } = yield* person()
            yield* send("POST", `${users}/password-reset/`, { body: { email }, headers: { "user-agent": "a browser" } })
            yield* handleResetRequests
            assert.deepStrictEqual(
              yield* sql`select ip, user_agent from audit_log where user_id = ${id} and action = 'user.password_reset_requested'`,
              [{ ip: "127.0.0.1", user_agent: "a browser" }]
            )
            const [mail] = yield* resetMails(id)
            assert.match(mail?.token ?? "", /^[\w-]{43}$/)
            assert.deepStrictEqual(
              yield* sql`
              select token_sha256 = sha256(convert_to(${mail?.token ?? ""}, 'UTF8')) as hashed, email
              from one_time_tokens where user_id = ${id} and purpose = 'password_reset'`,
              [{ hashed: true, email }]
            )
          })
        )

        it.effect("drops a request that waited for over an hour", () =>
          Effect.gen(function* () {
            const { person, sql } = yield* TestApi
            const { email, id } = yield* person()
            yield* ask(email)
            yield* sql`update password_reset_requests set created_at = created_at - interval '61 minutes'`
            assert.strictEqual(yield* handleResetRequests, 1)
            assert.deepStrictEqual(yield* resetMails(id), [])
          })
        )

        it.effect("refuses what is no address", () =>
          Effect.gen(function* () {
            assertInvalid(yield* ask("nobody"), { email: ["Enter a valid email address."] })
            assertInvalid(yield* ask(7), { email: ["Must be a string."] })
          })
        )
      })
    })

    describe("confirming a password reset", () => {
      it.layer(layer(), { excludeTestServices: true })((it) => {
        it.effect("sets the password, ends every session and verifies the address", () =>
          Effect.gen(function* () {
            const { login, person, send, sql } = yield* TestApi
            const someone = yield* person()
            yield* sql`update users set is_verified = true where id = ${someone.id}`
            const other = yield* login(someone)
            const token = yield* resetToken(someone)
            const before = (yield* eventsSince(someone.id, 0)).length
            assertSuccess(yield* confirm(token), 200, "Password reset successfully", {})

            for (const { access, refresh } of [someone, other]) {
              assert.strictEqual((yield* send("GET", `${users}/profile/`, { token: access })).status, 401)
              assert.strictEqual((yield* send("POST", `${users}/token/refresh/`, { body: { refresh } })).status, 401)
            }
            assert.strictEqual(yield* statusOfLogin(someone, goodPassword), 401)
            assert.strictEqual(yield* statusOfLogin(someone, next), 200)
            assert.deepStrictEqual((yield* eventsSince(someone.id, before)).slice(0, 3), [
              "UserPasswordChanged",
              "SessionRevoked password_reset",
              "SessionRevoked password_reset"
            ])
            assert.strictEqual((yield* mailsOf(someone.id)).at(-1)?.type, "SecurityNoticeMail")
            assert.lengthOf(
              yield* sql`select 1 from audit_log where user_id = ${someone.id} and action = 'user.password_reset'`,
              1
            )
          })
        )

        it.effect(
          "of an account that was never verified removes its phone number and push tokens, the first time only",
          () =>
            Effect.gen(function* () {
              const { login, person, send } = yield* TestApi
              const someone = yield* person({ phone_number: "+44 20 7946 0000", push_token: `fcm:${"a".repeat(140)}` })
              const token = yield* resetToken(someone)
              const before = (yield* eventsSince(someone.id, 0)).length
              assert.strictEqual((yield* confirm(token)).status, 200)
              assert.deepStrictEqual(yield* eventsSince(someone.id, before), [
                "UserPasswordChanged",
                "UserEmailVerified",
                "UserUpdated",
                "PushTokenRemoved revoked",
                "SessionRevoked password_reset"
              ])
              const { access } = yield* login({ ...someone, password: next })
              const profile = yield* send("GET", `${users}/profile/`, { token: access })
              assert.deepInclude(profile.body.data, { is_verified: true, phone_number: null, push_tokens_count: 0 })

              yield* send("PATCH", `${users}/profile/`, { token: access, body: { phone_number: "123" } })
              assert.strictEqual((yield* confirm(yield* resetToken(someone), goodPassword)).status, 200)
              const again = yield* login(someone)
              const kept = yield* send("GET", `${users}/profile/`, { token: again.access })
              assert.deepInclude(kept.body.data, { is_verified: true, phone_number: "123" })
            })
        )

        it.effect(
          "of an account that was never verified hides the origins of what was done before from the export, that time only",
          () =>
            Effect.gen(function* () {
              const { login, pass, person, sql } = yield* TestApi
              const someone = yield* person()
              yield* login(someone, "A stranger's phone")
              const stored = sql`
                select id, ip, user_agent, '' as device_name from audit_log where user_id = ${someone.id}
                union all select id, ip, user_agent, device_name from sessions where user_id = ${someone.id}
                order by id`
              const token = yield* resetToken(someone)
              const before = yield* stored
              yield* pass("1 second")
              assert.strictEqual((yield* confirm(token)).status, 200)
              const kept = yield* stored
              assert.deepStrictEqual(
                kept.filter(({ id }) => before.some((row) => row["id"] === id)),
                before
              )

              const owner = yield* login({ ...someone, password: next }, "The owner's phone")
              assert.deepStrictEqual(yield* originsOf(owner), [
                ["session", "127.0.0.1", "node", "The owner's phone"],
                ["session", null, "", ""],
                ["session", null, "", ""],
                ["user.exported", "127.0.0.1", "node"],
                ["user.logged_in", "127.0.0.1", "node"],
                ["user.password_reset", "127.0.0.1", "node"],
                ["user.password_reset_requested", null, null],
                ["user.logged_in", null, null],
                ["user.registered", null, null]
              ])

              yield* pass("1 second")
              assert.strictEqual((yield* confirm(yield* resetToken(someone), goodPassword)).status, 200)
              const later = yield* originsOf(yield* login(someone))
              assert.lengthOf(
                later.filter(([, ip]) => ip === null),
                5
              )
            })
        )

        it.effect("works once, until a newer token is sent, for an hour, and voids the user's other tokens", () =>
          Effect.gen(function* () {
            const { pass, person, sql } = yield* TestApi
            const someone = yield* person()
            const older = yield* resetToken(someone)
            const newer = yield* resetToken(someone)
            assertInvalid(yield* confirm(older), refused)
            assert.strictEqual((yield* confirm(newer)).status, 200)
            assertInvalid(yield* confirm(newer), refused)
            assert.deepStrictEqual(yield* sql`select purpose from one_time_tokens where user_id = ${someone.id}`, [])

            const late = yield* resetToken(someone)
            yield* pass("61 minutes")
            assertInvalid(yield* confirm(late), refused)
          })
        )

        it.effect("exactly once under fifty concurrent confirmations", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const token = yield* resetToken(yield* person())
            const answers = yield* Effect.all(
              Array.from({ length: 50 }, () => confirm(token)),
              { concurrency: "unbounded" }
            )
            assert.lengthOf(
              answers.filter(({ status }) => status === 200),
              1
            )
            for (const answer of answers.filter(({ status }) => status !== 200)) assertInvalid(answer, refused)
          })
        )

        it.effect("a rejected password does not use up the token", () =>
          Effect.gen(function* () {
            const { person } = yield* TestApi
            const someone = yield* person()
            const token = yield* resetToken(someone)
            assertInvalid(yield* confirm(token, "password"), { new_password: ["This password is too common."] })
            const [local = ""] = someone.email.split("@")
            assert.strictEqual((yield* confirm(token, local)).status, 422)
            assertInvalid(yield* confirm("", "1234"), {
              token: ["This field may not be blank."],
              new_password: [
                "This password is too short. It must contain at least 8 characters.",
                "This password is entirely numeric.",
                "This password is too common."
              ]
            })
            assert.strictEqual((yield* confirm(token)).status, 200)
          })
        )

        it.effect("refuses an unknown token, and one of an account that was disabled since", () =>
          Effect.gen(function* () {
            const { person, sql } = yield* TestApi
            assertInvalid(yield* confirm("nothing"), refused)
            const someone = yield* person()
            const token = yield* resetToken(someone)
            yield* sql`update users set is_active = false where id = ${someone.id}`
            assertInvalid(yield* confirm(token), refused)
          })
        )

        it.effect("lifts the suppression of the address", () =>
          Effect.gen(function* () {
            const { person, sql } = yield* TestApi
            const someone = yield* person()
            yield* sql`
            insert into suppressions (user_id, email, reason, created_at)
            values (${someone.id}, ${someone.email}, 'hard_bounce', now())`
            assert.strictEqual((yield* confirm(yield* resetToken(someone))).status, 200)
            assert.deepStrictEqual(yield* sql`select * from suppressions where user_id = ${someone.id}`, [])
          })
        )
      })
    })
  })
