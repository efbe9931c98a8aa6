import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"
import { cookieOf, sessionPath, signIn, staff } from "./Staff.ts"

describe("sessions of the console", () => {
  it.layer(layerEmbedded())((it) => {
    it.effect("open with a cookie that scripts and other sites cannot use", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { email, id } = yield* staff("support")
        const answer = yield* send("POST", sessionPath, { body: { email, password: goodPassword } })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.body.data.user.id, id)
        assert.strictEqual(answer.body.data.role, "support")
        const [cookie = ""] = answer.headers.getSetCookie()
        assert.match(cookie, /^__Host-console=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
        assert.notInclude(answer.text, cookieOf(answer) ?? "")
      })
    )

    it.effect("refuse users without a role like a wrong password", () =>
      Effect.gen(function* () {
        const { log, person, send } = yield* TestApi
        const { email, id } = yield* person()
        const right = yield* send("POST", sessionPath, { body: { email, password: goodPassword } })
        const wrong = yield* send("POST", sessionPath, { body: { email, password: "wrong" } })
        assert.strictEqual(right.status, 401)
        assert.deepStrictEqual(right.body, wrong.body)
        assert.isUndefined(cookieOf(right))
        const reasons = (yield* log).filter((line) => line["user_id"] === id).map((line) => line["reason"])
        assert.includeMembers(reasons, ["no_role", "wrong_password"])
      })
    )

    it.effect("are recognised only with the header, and by access tokens only of other sessions", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const member = yield* staff("viewer")
        const answer = yield* send("POST", sessionPath, { body: { email: member.email, password: goodPassword } })
        const cookie = cookieOf(answer) ?? ""
        const current = (headers: Readonly<Record<string, string>>, token?: string) =>
          send("GET", sessionPath, { headers, ...(token === undefined ? {} : { token }) })
        const byCookie = yield* current({ cookie: `__Host-console=${cookie}`, "x-console": "1" })
        assert.strictEqual(byCookie.status, 200)
        assert.strictEqual(byCookie.body.data.expires_at, answer.body.data.expires_at)
        const byToken = yield* current({}, member.access)
        assert.strictEqual(byToken.status, 200)
        const withoutHeader = yield* current({ cookie: `__Host-console=${cookie}` })
        assert.strictEqual(withoutHeader.body.code, "authentication_required")
        const asBearer = yield* current({}, cookie)
        assert.strictEqual(asBearer.body.code, "token_invalid")
        for (const path of ["profile", "sessions", "export"]) {
          const asUser = yield* send("GET", `/api/v1/users/${path}/`, { token: cookie })
          assert.strictEqual(asUser.body.code, "token_invalid", path)
        }
        const asRefreshToken = yield* send("POST", "/api/v1/users/token/refresh/", { body: { refresh: cookie } })
        assert.strictEqual(asRefreshToken.body.code, "token_invalid")
        const asCookie = yield* current({ cookie: `__Host-console=${member.access}`, "x-console": "1" })
        assert.strictEqual(asCookie.body.code, "token_invalid")
      })
    )

    it.effect("end when they are signed out, and the cookie goes", () =>
      Effect.gen(function* () {
        const send = yield* signIn(yield* staff("viewer"))
        const ended = yield* send("DELETE", sessionPath)
        assert.strictEqual(ended.status, 204)
        assert.strictEqual(cookieOf(ended), "")
        const after = yield* send("GET", sessionPath)
        assert.strictEqual(after.body.code, "token_invalid")
      })
    )

    it.effect("end after 30 minutes without a request", () =>
      Effect.gen(function* () {
        const { pass, sql } = yield* TestApi
        const member = yield* staff("viewer")
        const send = yield* signIn(member)
        yield* pass("29 minutes")
        assert.strictEqual((yield* send("GET", sessionPath)).status, 200)
        yield* pass("29 minutes")
        assert.strictEqual((yield* send("GET", sessionPath)).status, 200)
        yield* pass("31 minutes")
        const idle = yield* send("GET", sessionPath)
        assert.strictEqual(idle.body.code, "token_expired")
        const [session] = yield* sql`
          select revoked_reason as reason from sessions where user_id = ${member.id} and is_console`
        assert.deepStrictEqual(session, { reason: "idle" })
      })
    )

    it.effect("are in no list once they are idle, and an export has their end", () =>
      Effect.gen(function* () {
        const { pass, send } = yield* TestApi
        const member = yield* staff("viewer")
        yield* signIn(member)
        const devicesIn = Effect.fnUntraced(function* (path: string) {
          const { body } = yield* send("GET", path, { token: member.access })
          const sessions: ReadonlyArray<{ readonly device_name: string }> = body.data.sessions ?? body.data
          return sessions.map((session) => session.device_name)
        })
        const lists = ["/api/v1/users/sessions/", `/api/v1/admin/users/${member.id}/`]
        for (const path of lists) assert.include(yield* devicesIn(path), "Console")
        yield* pass("31 minutes")
        for (const path of lists) {
          const devices = yield* devicesIn(path)
          assert.lengthOf(devices, 1)
          assert.notInclude(devices, "Console")
        }
        const { body } = yield* send("GET", "/api/v1/users/export/", { token: member.access })
        const ended = body.data.sessions.find((session: { device_name: string }) => session.device_name === "Console")
        assert.strictEqual(ended.revoked_reason, "idle")
        assert.strictEqual(Date.parse(ended.revoked_at) - Date.parse(ended.last_seen_at), 30 * 60_000)
      })
    )

    it.effect("follow the role of their user at once", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        const member = yield* staff("viewer")
        const send = yield* signIn(member)
        assert.strictEqual((yield* send("GET", sessionPath)).body.data.role, "viewer")
        yield* sql`update users set role = 'admin' where id = ${member.id}`
        assert.strictEqual((yield* send("GET", sessionPath)).body.data.role, "admin")
        yield* sql`update users set role = null where id = ${member.id}`
        const dismissed = yield* send("GET", sessionPath)
        assert.strictEqual(dismissed.status, 404)
        assert.deepStrictEqual(dismissed.body, (yield* send("GET", "/api/v1/admin/no-such-route/")).body)
      })
    )
  })

  it.layer(layerEmbedded({ ADMIN_ALLOWED_NETWORKS: "10.0.0.0/8", TRUSTED_PROXIES: "127.0.0.0/8" }))((it) => {
    it.effect("exist only in the allowed networks", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { email } = yield* staff("admin")
        const from = (ip: string, method: string, path = sessionPath) =>
          send(method, path, {
            headers: { "x-forwarded-for": ip },
            ...(method === "POST" ? { body: { email, password: goodPassword } } : {})
          })
        assert.strictEqual((yield* from("10.1.2.3", "POST")).status, 200)
        const unknown = yield* from("203.0.113.7", "GET", "/api/v1/no-such-route")
        for (const [method, path] of [
          ["POST", sessionPath],
          ["GET", sessionPath],
          ["PUT", sessionPath],
          ["GET", "/admin"],
          ["GET", "/admin/users"]
        ] as const) {
          const answer = yield* from("203.0.113.7", method, path)
          assert.deepStrictEqual([answer.status, answer.body], [404, unknown.body], `${method} ${path}`)
        }
      })
    )
  })

  it.layer(layerEmbedded({ RATE_LIMIT_LOGIN_ACCOUNT: "2/5m" }))((it) => {
    it.effect("count attempts in the limits of logins", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { email } = yield* staff("viewer")
        const attempt = send("POST", sessionPath, { body: { email, password: "wrong" } })
        assert.strictEqual((yield* attempt).status, 401)
        assert.strictEqual((yield* attempt).status, 401)
        assert.strictEqual((yield* attempt).status, 429)
      })
    )
  })
})
