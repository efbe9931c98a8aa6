import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertInvalid, successData } from "../Answers.ts"
import * as RawHttp from "../node/RawHttp.ts"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const problem = ["Line breaks, control characters and bidirectional overrides are not allowed."]

const unsafe = ["Bob\r\nBcc: x", "Bob\u001b[2J", "\u202egpj.exe", "Bob\u2028Jones", "Bob\u0085Jones"]

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("a name with a line break, a control character or a bidirectional override", () => {
    it.effect("is refused at registration", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const name of unsafe) {
          const body = { email: freshEmail(), password: goodPassword, name, first_name: name, last_name: name }
          assertInvalid(yield* send("POST", "/api/v1/users/register/", { body }), {
            name: problem,
            first_name: problem,
            last_name: problem
          })
        }
      })
    )

    it.effect("is refused in a profile, also in the username and the language", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        for (const name of unsafe) {
          const profile = { first_name: name, last_name: name, language: `en-${name}` }
          assertInvalid(
            yield* api.send("PATCH", "/api/v1/users/profile/", { token: access, body: { username: name, profile } }),
            {
              username: ["Enter a valid username: 1 to 150 letters, digits and @/./+/-/_ only."],
              profile: { first_name: problem, last_name: problem, language: ["Enter a valid BCP 47 language tag."] }
            }
          )
        }
      })
    )

    it.effect("is refused as the name or id of a device", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, email, password } = yield* api.person()
        for (const name of unsafe) {
          assertInvalid(
            yield* api.send("POST", "/api/v1/users/login/", { body: { email, password, device_name: name } }),
            { device_name: problem }
          )
          const body = { token: "a", platform: "web", device_id: name, device_name: name }
          assertInvalid(yield* api.send("POST", "/api/v1/users/push-tokens/", { token: access, body }), {
            device_id: problem,
            device_name: problem
          })
        }
      })
    )
  })

  describe("what a client says of itself", () => {
    it.effect("a control character in a user agent is stored as a space", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, password } = yield* api.person()
        const body = JSON.stringify({ email, password })
        const head = Buffer.from(
          [
            "POST /api/v1/users/login/ HTTP/1.1",
            "Host: test",
            "User-Agent: App\u009b2J/1",
            "Content-Type: application/json",
            `Content-Length: ${body.length}`,
            "Connection: close\r\n\r\n"
          ].join("\r\n"),
          "latin1"
        )
        const login = RawHttp.parse(yield* RawHttp.exchange(api.url, head, body))
        const token = successData(login, 200, "Login successful").tokens.access
        const [session] = (yield* api.send("GET", "/api/v1/users/sessions/", { token })).body.data
        assert.strictEqual(session.user_agent, "App 2J/1")
      })
    )

    it.effect("the URL of an avatar is returned in the URL standard's form, and without a password", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const set = (avatar_url: string) =>
          api.send("PATCH", "/api/v1/users/profile/", { token: access, body: { profile: { avatar_url } } })
        const kept = successData(
          yield* set(`https://A.example/"onerror="x<script>`),
          200,
          "Profile updated successfully"
        )
        assert.strictEqual(kept.profile.avatar_url, "https://a.example/%22onerror=%22x%3Cscript%3E")
        assertInvalid(yield* set("https://user:pass@a.example/"), { profile: { avatar_url: ["Enter a valid URL."] } })
      })
    )
  })

  describe("a reserved username", () => {
    const reserved = { username: ["This username is reserved."] }

    it.effect("is refused at registration in any case, together with other problems", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const username of ["admin", "ADMIN", "Root", "support"]) {
          const body = { email: freshEmail(), password: goodPassword, username }
          assertInvalid(yield* send("POST", "/api/v1/users/register/", { body }), reserved)
          assertInvalid(yield* send("POST", "/api/v1/users/register/", { body: { ...body, email: "a" } }), {
            ...reserved,
            email: ["Enter a valid email address."]
          })
        }
      })
    )

    it.effect("is refused in a profile, but a user who has it keeps it", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        const update = (body: unknown) => api.send("PATCH", "/api/v1/users/profile/", { token: access, body })
        assertInvalid(yield* update({ username: "Webmaster" }), reserved)
        yield* api.sql`update users set username = 'webmaster' where id = ${id}`
        for (const username of ["webmaster", "Webmaster"]) {
          const user = successData(
            yield* update({ username, profile: { bio: "b" } }),
            200,
            "Profile updated successfully"
          )
          assert.strictEqual(user.username, username)
        }
        successData(yield* update({ phone_number: "1" }), 200, "Profile updated successfully")
        assertInvalid(yield* update({ username: "admin" }), reserved)
      })
    )

    it.effect("is never generated from an address: a number is appended", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const usernames: Array<string> = []
        for (const domain of ["a", "b"]) {
          const body = { email: `Admin@${domain}.example.com`, password: goodPassword }
          const answer = yield* send("POST", "/api/v1/users/register/", { body })
          usernames.push(successData(answer, 201, "User registered successfully").username)
        }
        assert.deepStrictEqual(usernames, ["admin1", "admin2"])
      })
    )
  })

  describe("a username with an @", () => {
    const notOwn = { username: ["A username with an @ must be the account's own email address."] }

    it.effect("may be the account's own address, in any spelling", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const email = freshEmail()
        const { access } = yield* api.person({ email, username: email.toUpperCase() })
        const name = email.split("@")[0]
        const other = yield* api.person({ email: `${name}@bücher.example`, username: `${name}@xn--bcher-kva.example` })
        for (const { access: token } of [{ access }, other]) {
          assertInvalid(
            yield* api.send("PATCH", "/api/v1/users/profile/", { token, body: { username: freshEmail() } }),
            notOwn
          )
        }
        const body = { username: email }
        successData(
          yield* api.send("PATCH", "/api/v1/users/profile/", { token: access, body }),
          200,
          "Profile updated successfully"
        )
      })
    )

    it.effect("is refused at registration if it is another address, whether an account has it or not", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email: somebody } = yield* api.person()
        for (const username of [somebody, freshEmail(), "a@", "@"]) {
          const body = { email: freshEmail(), password: goodPassword, username }
          assertInvalid(yield* api.send("POST", "/api/v1/users/register/", { body }), notOwn)
        }
      })
    )
  })
})
