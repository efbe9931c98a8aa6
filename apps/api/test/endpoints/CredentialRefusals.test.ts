import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, References } from "effect"
import { tokenOf } from "../recovery/Mails.ts"
import { call, frames, gatewayKey, inFile, payloadBytes, post } from "../service-side/Callers.ts"
import * as Jwt from "../sessions/Jwt.ts"
import { freshEmail, layerEmbedded, TestApi } from "../TestApi.ts"
import { absentId } from "../edge/Routes.ts"

const metricsToken = "CANARY-metrics-2mT9wZ5rN8cB1dF6gH4jL0s"
const narrowKey = "CANARY-narrow-3uYp7xK2mT9wZ5rN8cB1dF"
const expiredKey = "CANARY-expired-3uYp7xK2mT9wZ5rN8cB1dF"
const wrong = "CANARY of a wrong password"

const withKeys = Layer.unwrap(
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = `${yield* files.makeTempDirectoryScoped()}/service-keys.json`
    const keys = [
      inFile("narrow", narrowKey, ["tokens"]),
      inFile("expired", expiredKey, ["users"], "2026-01-01T00:00:00Z")
    ]
    yield* files.writeFileString(path, JSON.stringify(keys))
    return layerEmbedded({
      SERVICE_API_KEYS: `gateway:${gatewayKey}`,
      SERVICE_API_KEYS_FILE: path,
      METRICS_TOKEN: metricsToken
    })
  })
).pipe(Layer.provide(NodeServices.layer))

interface Refusal {
  readonly event: string
  readonly reason: string
  readonly user_id?: string
  readonly service?: string
}

/** The refusals that the log has lines of by what is done. */
const refusalsOf = Effect.fnUntraced(function* <A, E, R>(done: Effect.Effect<A, E, R>) {
  const api = yield* TestApi
  const before = (yield* api.log).length
  yield* done
  const lines = (yield* api.log).slice(before).filter((line) => line["message"] === "A credential was refused")
  return lines.map(({ event, ip, level, reason, request_id, service, user_id }) => {
    assert.deepStrictEqual([level, ip, typeof request_id], ["warn", "127.0.0.1", "string"])
    return { event, reason, user_id, service }
  })
})

const isLogged = Effect.fnUntraced(function* <A, E, R>(
  done: Effect.Effect<A, E, R>,
  ...expected: ReadonlyArray<Refusal>
) {
  const all = { user_id: undefined, service: undefined }
  assert.deepStrictEqual<ReadonlyArray<unknown>>(
    yield* refusalsOf(done),
    expected.map((refusal) => ({ ...all, ...refusal }))
  )
})

const profile = "/api/v1/users/profile/"

describe("each refused credential is one line in the log, with its reason:", () => {
  it.layer(withKeys, { excludeTestServices: true })((it) => {
    it.effect("a login by an unknown e-mail, a wrong password, or to a disabled account", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { email, id, password } = yield* api.person()
        const login = (body: object) => api.send("POST", "/api/v1/users/login/", { body })
        yield* isLogged(login({ email, password }))
        yield* isLogged(login({ email: `canary-${freshEmail()}`, password: wrong }), {
          event: "login_refused",
          reason: "unknown_email"
        })
        const of = { event: "login_refused", user_id: id }
        yield* isLogged(login({ email, password: wrong }), { ...of, reason: "wrong_password" })
        yield* api.sql`update users set is_active = false where id = ${id}`
        yield* isLogged(login({ email, password: wrong }), { ...of, reason: "wrong_password" })
        yield* isLogged(login({ email, password }), { ...of, reason: "account_disabled" })
      })
    )

    it.effect("a token of a mail that is unknown or used, or whose account changed while it was used", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id, password } = yield* api.person()
        const confirm = (route: string, token: string) =>
          api.send("POST", `/api/v1/users/${route}/confirm/`, { body: { token } })
        const event = "one_time_token_refused"
        yield* isLogged(confirm("verify-email", "CANARY"), { event, reason: "unknown" })
        const verification = yield* tokenOf(id, "EmailVerificationMail")
        yield* isLogged(confirm("verify-email", verification))
        yield* isLogged(confirm("verify-email", verification), { event, reason: "unknown" })
        const email = freshEmail()
        yield* api.send("POST", "/api/v1/users/change-email/", { token: access, body: { new_email: email, password } })
        // Another account takes the address before the change is confirmed.
        yield* api.person({ email })
        const change = yield* tokenOf(id, "EmailChangeMail")
        yield* isLogged(confirm("change-email", change), { event, reason: "account_changed", user_id: id })
      })
    )

    it.effect(
      "an access token that is forged, of another type, another's, expired, or of a session that has ended",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const { access, id, refresh } = yield* api.person()
          const [key] = Jwt.keysOf(api.settings).access
          const claims = Jwt.claimsOf(access)
          const get = (token: string) => api.send("GET", profile, { token })
          const event = "access_token_refused"
          yield* isLogged(get(access))
          yield* isLogged(get("CANARY"), { event, reason: "malformed" })
          yield* isLogged(get(Jwt.unsignedJwt(claims)), { event, reason: "bad_signature" })
          yield* isLogged(get(Jwt.hs256("secret", claims, { kid: key.kid })), { event, reason: "bad_signature" })
          yield* isLogged(get(Jwt.eddsa({ ...key, kid: "x" }, claims)), { event, reason: "bad_signature" })
          yield* isLogged(get(Jwt.eddsa(key, { ...claims, iss: "elsewhere" })), { event, reason: "wrong_claims" })
          yield* isLogged(get(refresh), { event, reason: "wrong_type", user_id: id })
          const now = Math.floor(Date.now() / 1000)
          const over = Jwt.eddsa(key, { ...claims, iat: now - 100, exp: now - 1 })
          yield* isLogged(get(over), { event, reason: "expired", user_id: id })
          yield* isLogged(api.send("POST", "/api/v1/users/token/verify/", { body: { token: over } }), {
            event,
            reason: "expired",
            user_id: id
          })
          yield* api.send("POST", "/api/v1/users/logout/", { token: access })
          yield* isLogged(get(access), { event, reason: "revoked", user_id: id })
          const introspect = api.send("POST", "/internal/v1/tokens/introspect", {
            body: { token: access },
            headers: { "x-api-key": gatewayKey }
          })
          yield* isLogged(introspect, { event, reason: "revoked", user_id: id })
          yield* isLogged(api.send("POST", "/api/v1/users/logout/", { token: "CANARY" }), {
            event,
            reason: "malformed"
          })
        })
    )

    it.effect("a refresh token that is expired, reused, of another type, or of a session that has ended", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { access, id, refresh } = person
        const exchange = (token: string) =>
          api.send("POST", "/api/v1/users/token/refresh/", { body: { refresh: token } })
        const verify = (token: string) => api.send("POST", "/api/v1/users/token/verify/", { body: { token } })
        const of = { event: "refresh_token_refused", user_id: id }
        yield* isLogged(exchange("CANARY"), { event: of.event, reason: "malformed" })
        yield* isLogged(exchange(access), { ...of, reason: "wrong_type" })
        const { body } = yield* exchange(refresh)
        yield* exchange(body.data.refresh)
        yield* isLogged(exchange(refresh), { ...of, reason: "reused" })
        yield* isLogged(exchange(refresh), { ...of, reason: "revoked" })
        yield* isLogged(verify(refresh), { ...of, reason: "revoked" })
        const { refresh: second } = yield* api.login(person)
        const key = Jwt.keysOf(api.settings).refresh
        const now = Math.floor(Date.now() / 1000)
        const over = Jwt.eddsa(key, { ...Jwt.claimsOf(second), iat: now - 100, exp: now - 1 })
        yield* isLogged(exchange(over), { ...of, reason: "expired" })
        yield* isLogged(api.send("POST", "/api/v1/users/logout/", { token: "CANARY", body: { refresh: over } }), {
          ...of,
          reason: "expired"
        })
      })
    )

    it.effect("the current password of a change", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        const body = {
          old_password: wrong,
          new_password: "nine quiet otters",
          new_password_confirm: "nine quiet otters"
        }
        yield* isLogged(api.send("POST", "/api/v1/users/change-password/", { token: access, body }), {
          event: "current_password_refused",
          reason: "wrong_password",
          user_id: id
        })
      })
    )

    it.effect("a service key that is unknown, expired or lacks the scope, by HTTP and by RPC", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const event = "service_key_refused"
        const payload = yield* payloadBytes("GetUser")
        const calls = yield* frames([1, 2, 3].map((id) => call("GetUser", payload, { id: String(id) })))
        const ways: ReadonlyArray<(key: string) => Effect.Effect<unknown, never, TestApi>> = [
          (key) => api.send("GET", `/internal/v1/users/${absentId}`, { headers: { "x-api-key": key } }),
          // Three calls in one request are one line.
          (key) => post(calls, { "x-api-key": key })
        ]
        for (const ask of ways) {
          yield* isLogged(ask("CANARY"), { event, reason: "unknown" })
          yield* isLogged(ask(expiredKey), { event, reason: "expired" })
          yield* isLogged(ask(narrowKey), { event, reason: "missing_scope", service: "narrow" })
          yield* isLogged(ask(gatewayKey))
        }
      })
    )

    it.effect("the metrics token", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        yield* isLogged(api.send("GET", "/metrics", { token: "CANARY" }), {
          event: "metrics_token_refused",
          reason: "unknown"
        })
        yield* isLogged(api.send("GET", "/metrics", { token: metricsToken }))
      })
    )

    it.effect("a missing credential has no line", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const path of [profile, "/metrics", `/internal/v1/users/${absentId}`]) {
          yield* isLogged(Effect.map(api.send("GET", path), ({ status }) => assert.strictEqual(status, 401)))
        }
        yield* isLogged(api.send("GET", profile, { headers: { authorization: "Bearer " } }))
        yield* isLogged(api.send("POST", "/api/v1/users/logout/"))
        yield* isLogged(api.send("POST", "/api/v1/users/token/refresh/", { body: {} }))
      })
    )

    it.effect("each is counted by event and reason, and no line has a secret or an e-mail address", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { text } = yield* api.send("GET", "/metrics", { token: metricsToken })
        const refused = text.split("\n").filter((line) => line.startsWith("auth_refusals_total{"))
        const count = (event: string, reason: string) =>
          refused
            .find((line) => line.includes(`event="${event}"`) && line.includes(`reason="${reason}"`))
            ?.split(" ")[1]
        assert.strictEqual(count("login_refused", "wrong_password"), "2")
        // Of one call by HTTP and of three in one request by RPC.
        assert.strictEqual(count("service_key_refused", "missing_scope"), "4")
        const lines = JSON.stringify(yield* api.log)
        for (const secret of ["CANARY", "canary-", "@example.com", "eyJ"]) assert.notInclude(lines, secret)
      })
    )
  })
})

describe("where no spans are exported, the line of a refused credential", () => {
  const layer = Layer.provide(layerEmbedded(), Layer.succeed(References.TracerEnabled, false))
  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("has the trace of its request, as the access log has it, or none", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
        const before = (yield* api.log).length
        for (const sent of [{ traceparent: `00-${traceId}-00f067aa0ba902b7-01` }, {}]) {
          yield* api.send("POST", "/api/v1/users/login/", {
            body: { email: freshEmail(), password: wrong },
            headers: sent
          })
        }
        assert.deepStrictEqual(
          (yield* api.log).slice(before).map((line) => [line["message"], line["trace_id"]]),
          [traceId, undefined].flatMap((trace) => [
            ["A credential was refused", trace],
            ["POST /api/v1/users/login/ 401", trace]
          ])
        )
      })
    )
  })
})
