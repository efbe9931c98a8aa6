import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { assertFailure, assertSuccess, assertTokenInvalid, assertTokens, pageOf, successData } from "./Answers.ts"
import { claimsOf } from "./sessions/Jwt.ts"
import { freshEmail, goodPassword, layerReal, TestApi } from "./TestApi.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const users = "/api/v1/users"

describe.skipIf(databaseUrl === "" || redisUrl === "")("on PostgreSQL and Redis", () => {
  it.layer(layerReal(databaseUrl, redisUrl, { RATE_LIMIT_LOGIN_ACCOUNT: "3/5m" }), { excludeTestServices: true })(
    (it) => {
      it.effect("a person's whole way, from registering to being gone everywhere", () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const email = freshEmail()
          const health = successData(yield* api.send("GET", "/health"), 200, "Health check completed")
          assert.strictEqual(health.status, "healthy")

          // They register on the web ...
          const registered = yield* api.send("POST", `${users}/register/`, {
            body: { email, password: goodPassword, name: "Ada Lovelace", push_token: `browser-of-${email}` }
          })
          const { tokens: web, ...user } = successData(registered, 201, "User registered successfully")
          assert.strictEqual(user.push_tokens_count, 1)
          const profile = (token: string) => api.send("GET", `${users}/profile/`, { token })
          for (const _ of ["from the database", "from the cache"]) {
            assertSuccess(yield* profile(web.access), 200, "User profile retrieved successfully", user)
          }

          // ... say who they are and how they want to be reached ...
          const renamed = yield* api.send("PATCH", `${users}/profile/`, {
            token: web.access,
            body: { phone_number: "+44 20 7946 0018", profile: { timezone: "Europe/London", bio: "Analyst" } }
          })
          assert.deepStrictEqual((yield* profile(web.access)).body.data, renamed.body.data)
          const found = yield* api.send("GET", `${users}/preferences/`, { token: web.access })
          const quiet = (tag: string | null) =>
            api.send("PUT", `${users}/preferences/`, {
              token: web.access,
              headers: { "if-match": tag ?? "" },
              body: { do_not_disturb_start: "22:00", do_not_disturb_end: "07:00", push_marketing: true }
            })
          const chosen = yield* quiet(found.headers.get("etag"))
          assert.strictEqual(chosen.body.data.do_not_disturb_start, "22:00:00")
          assert.strictEqual((yield* quiet(found.headers.get("etag"))).status, 412)
          const reread = yield* api.send("GET", `${users}/preferences/`, { token: web.access })
          assert.deepStrictEqual(reread.body.data, chosen.body.data)
          assert.deepStrictEqual((yield* profile(web.access)).body.data.notification_preferences, chosen.body.data)

          // ... log in on a phone as well, after a slip of the finger ...
          const login = (password: string) =>
            api.send("POST", `${users}/login/`, { body: { email, password, device_name: "phone" } })
          assert.strictEqual((yield* login("wrong")).status, 401)
          const { tokens: phone } = successData(yield* login(goodPassword), 200, "Login successful")
          const device = { platform: "android", device_id: "phone-1" }
          const register = (token: string, name: string) =>
            api.send("POST", `${users}/push-tokens/`, {
              token,
              body: { ...device, token: `${name.replaceAll(" ", "-")}-of-${email}` }
            })
          const phoneToken = yield* register(phone.access, "phone")
          assert.strictEqual(phoneToken.status, 201)
          const replaced = yield* register(phone.access, "phone anew")
          assert.deepStrictEqual([replaced.status, replaced.body.data.id], [200, phoneToken.body.data.id])
          const list = (token: string) => api.send("GET", `${users}/push-tokens/`, { token })
          const page = { total: 2, total_pages: 1 }
          pageOf(yield* list(phone.access), "Push tokens retrieved successfully", page)
          const sessions = yield* api.send("GET", `${users}/sessions/`, { token: phone.access })
          pageOf(sessions, "Sessions retrieved successfully", page)

          // ... which keeps its session up, also when an answer is lost ...
          const refresh = (token: string) => api.send("POST", `${users}/token/refresh/`, { body: { refresh: token } })
          const once = yield* refresh(phone.refresh)
          assertTokens(once.body.data)
          assert.strictEqual((yield* refresh(phone.refresh)).body.refresh, once.body.refresh)

          // ... end the one on the web from there ...
          const webSession = claimsOf(web.access).sid
          assert.strictEqual(
            (yield* api.send("DELETE", `${users}/sessions/${webSession}/`, { token: once.body.access })).status,
            204
          )
          assertTokenInvalid(yield* profile(web.access))
          assertTokenInvalid(yield* refresh(web.refresh))
          assert.strictEqual((yield* profile(phone.access)).body.data.push_tokens_count, 1)

          // ... change their password, which ends the phone's session and opens its next ...
          const next = "another horse, another staple"
          const changed = yield* api.send("POST", `${users}/change-password/`, {
            token: once.body.access,
            body: { old_password: goodPassword, new_password: next, new_password_confirm: next }
          })
          const { tokens: last } = successData(changed, 200, "Password changed successfully")
          for (const { access } of [phone, once.body]) assertTokenInvalid(yield* profile(access))
          assert.strictEqual((yield* profile(last.access)).body.data.push_tokens_count, 1)
          assert.strictEqual((yield* login(goodPassword)).status, 401)
          assert.strictEqual((yield* login(next)).status, 200)

          // ... and leave everywhere at once.
          const left = yield* api.send("POST", `${users}/logout-all/`, { token: last.access })
          assertSuccess(left, 200, "Logged out of all sessions", { revoked_count: 2 })
          assertTokenInvalid(yield* profile(last.access))
          assertTokenInvalid(yield* refresh(last.refresh))

          // Somebody else tries the door.
          for (const _ of [1, 2, 3])
            assertFailure(yield* login("x"), 401, "invalid_credentials", "Invalid email or password")
          assert.strictEqual((yield* login("x")).status, 429)
        })
      )
    }
  )
})
