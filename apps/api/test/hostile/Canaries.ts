import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { randomBytes, randomUUID } from "node:crypto"
import { gatewayKey } from "../service-side/Callers.ts"
import { type Answer, freshEmail, type RequestInput, TestApi } from "../TestApi.ts"
import { type Operation, operations } from "./OpenApi.ts"
import { fieldsOf, withText } from "./Values.ts"

const users = "/api/v1/users"

/** Everything secret that was sent or handed out, and every answer there was. */
export class Canaries {
  readonly secrets = new Set<string>()
  readonly answers: Array<{ readonly request: string; readonly answer: Answer }> = []

  /** A secret that is nothing else's, wherever it may turn up. */
  readonly secret = (kind: string): string => {
    return this.keep(`canary-of-${kind.replaceAll(/\W+/g, "-")}-${randomUUID()}`)
  }

  /** A secret that is a token of Apple's push service. */
  readonly hex = (): string => this.keep(randomBytes(32).toString("hex"))

  private keep(text: string): string {
    this.secrets.add(text)
    return text
  }

  readonly send = (method: string, path: string, sent: RequestInput = {}) =>
    Effect.flatMap(TestApi, (api) => api.send(method, path, sent)).pipe(
      Effect.tap((answer) =>
        Effect.sync(() => {
          this.answers.push({ request: `${method} ${path}`, answer })
          const { access, refresh } = answer.body?.data?.tokens ?? answer.body?.data ?? {}
          for (const token of [access, refresh]) if (typeof token === "string") this.secrets.add(token)
        })
      )
    )

  /** What an answer tells beside the tokens that it is there to hand out. */
  readonly told = ({ body, headers, text }: Answer): string => {
    const { access, refresh } = body?.data?.tokens ?? body?.data ?? {}
    const rest = [access, refresh].reduce(
      (text, token) => (typeof token === "string" ? text.replaceAll(token, "") : text),
      text
    )
    return rest + JSON.stringify([...headers])
  }

  /** Those of the secrets that stand in the text, by the end of them that nothing else has. */
  readonly foundIn = (text: string): ReadonlyArray<string> =>
    [...this.secrets].filter((secret) => text.includes(secret.slice(-36)))
}

/** Everything that a person does with their secrets, when all goes well and when it does not. */
export const useAll = (canaries: Canaries) =>
  Effect.gen(function* () {
    const { secret, send } = canaries
    const [email, password, next] = [freshEmail(), secret("a password"), secret("a new password")]
    const post = (path: string, body: unknown, token?: string) =>
      send("POST", `${users}${path}`, { body, ...(token === undefined ? {} : { token }) })
    const registered = yield* post("/register/", { email, password, push_token: secret("push").replaceAll(" ", "-") })
    assert.strictEqual(registered.status, 201)
    const headers = { "idempotency-key": secret("an idempotency key") }
    const repeated = { email: freshEmail(), password: secret("a repeated password") }
    for (const [body, status] of [
      [repeated, 201],
      [repeated, 201],
      [{ ...repeated, name: "Ada" }, 422]
    ] as const) {
      assert.strictEqual((yield* send("POST", `${users}/register/`, { body, headers })).status, status)
    }
    yield* post("/register/", { email, password: secret("another's password") })
    yield* post("/register/", { email: freshEmail(), password, password_confirm: secret("another password") })
    yield* post("/login/", { email, password: secret("a wrong password") })
    yield* post("/login/", { email: freshEmail(), password: secret("nobody's password") })
    const { access, refresh } = (yield* post("/login/", { email, password })).body.data.tokens
    yield* post("/push-tokens/", { token: secret("no token"), platform: "ios", token_type: "apns" }, access)
    const token = canaries.hex()
    const device = yield* post("/push-tokens/", { token, platform: "ios", token_type: "apns" }, access)
    assert.strictEqual(device.status, 201)
    yield* post("/push-tokens/", { token, platform: "ios" }, access)
    yield* send("PATCH", `${users}/push-tokens/${device.body.data.id}/`, {
      token: access,
      body: { token: secret("a changed token") }
    })
    yield* send("GET", `${users}/push-tokens/`, { token: access })
    yield* send("GET", `${users}/profile/`, { token: access })
    yield* post("/token/verify/", { token: access })
    yield* post("/token/verify/", { token: secret("no token") })
    const renewed = yield* post("/token/refresh/", { refresh })
    assert.strictEqual(renewed.status, 200)
    yield* post("/token/refresh/", { refresh: secret("no refresh token") })
    const passwords = { old_password: password, new_password: next, new_password_confirm: next }
    yield* post("/change-password/", { ...passwords, old_password: secret("a wrong old password") }, access)
    yield* post("/change-password/", { ...passwords, new_password_confirm: secret("a mistyped password") }, access)
    const changed = yield* post("/change-password/", passwords, access)
    assert.strictEqual(changed.status, 200)
    yield* post("/token/refresh/", { refresh: renewed.body.refresh })
    yield* post("/logout/", { refresh: changed.body.data.tokens.refresh }, changed.body.data.tokens.access)
    yield* send("GET", `${users}/profile/`, { token: changed.body.data.tokens.access })
  })

const isSecret = (path: ReadonlyArray<string>): boolean => /password|token$|^refresh/.test(path.at(-1) ?? "")

const bodiesOf = (operation: Operation, canaries: Canaries): ReadonlyArray<RequestInput> => {
  const { body } = operation
  if (body === undefined) return []
  const { secret } = canaries
  return fieldsOf(body.schema)
    .filter(({ path }) => isSecret(path))
    .flatMap(({ path }): ReadonlyArray<RequestInput> => {
      const name = path.join(".")
      const put = (value: unknown) => withText(body.example, path, JSON.stringify(value))
      return [
        { body: put(secret(name)) },
        { body: put([secret(name)]) },
        { body: put({ value: secret(name) }) },
        { body: put(`${secret(name)}\0`) },
        { body: put(secret(name)).slice(0, -1) },
        { body: put(secret(name)), headers: { "content-type": "text/plain" } },
        { body: put(`${secret(name)}${"x".repeat(110_000)}`) },
        { body: { ...body.example, [secret(`a field beside ${name}`)]: secret(name) } }
      ]
    })
}

const headersWith = ({ secret }: Canaries): ReadonlyArray<Readonly<Record<string, string>>> => [
  { authorization: `Bearer ${secret("a bearer")}` },
  { authorization: `Basic ${secret("basic credentials")}` },
  { authorization: secret("a scheme") },
  { cookie: `session=${secret("a cookie")}` },
  { "x-api-key": secret("a key") },
  { "proxy-authorization": `Basic ${secret("a proxy's credentials")}` }
]

/** A secret in every place of every operation that one belongs in, or that someone puts one in by mistake. */
export const spread = (canaries: Canaries) =>
  Effect.gen(function* () {
    const api = yield* TestApi
    const { secret, send } = canaries
    canaries.secrets.add(gatewayKey)
    for (const operation of operations) {
      const { access, id } = yield* api.person()
      canaries.secrets.add(access)
      const path = operation.path.replace(/\{\w+\}/, id)
      const named = (names: ReadonlyArray<string>) =>
        names.map((name) => `${name}=${encodeURIComponent(secret(`?${name}`).replaceAll(" ", "-"))}`).join("&")
      const own = operation.body === undefined ? {} : { body: operation.body.example }
      for (const sent of bodiesOf(operation, canaries)) {
        yield* send(operation.method, path, sent)
        yield* send(operation.method, path, { ...sent, token: access })
        if (operation.needsKey) {
          yield* send(operation.method, path, { ...sent, headers: { ...sent.headers, "x-api-key": gatewayKey } })
        }
      }
      for (const headers of headersWith(canaries)) yield* send(operation.method, path, { ...own, headers })
      yield* send(
        operation.method,
        `${path}?${named(["password", "token", "access_token", "refresh_token", "api_key"])}`,
        own
      )
      yield* send(operation.method, operation.path.replace(/\{\w+\}/, access), { ...own, token: access })
    }
    yield* send("GET", `/nowhere/${[...canaries.secrets].find((text) => text.includes("."))}`)
  })

/** What a person sends that the service has to write down, while a table for it is gone. */
export const useDuringFailure = (canaries: Canaries) =>
  Effect.gen(function* () {
    const { sql, ...api } = yield* TestApi
    const { secret, send } = canaries
    const { access, email, password, refresh } = yield* api.person({ password: secret("a password") })
    const device = { token: secret("a device's token"), platform: "web" }
    const next = secret("a new password")
    const passwords = { old_password: password, new_password: next, new_password_confirm: next }
    const account = { email: freshEmail(), password: secret("a password"), push_token: secret("a push token") }
    for (const token of [access, refresh]) canaries.secrets.add(token)
    for (const table of ["push_tokens", "sessions", "users"]) {
      const elsewhere = `${table}_elsewhere`
      yield* sql`alter table ${sql(table)} rename to ${sql(elsewhere)}`
      const answers = [
        yield* send("POST", `${users}/register/`, { body: account }),
        yield* send("POST", `${users}/login/`, { body: { email, password } }),
        yield* send("POST", `${users}/push-tokens/`, { token: access, body: device }),
        yield* send("POST", `${users}/token/refresh/`, { body: { refresh } }),
        yield* send("POST", `${users}/change-password/`, { token: access, body: passwords })
      ]
      yield* sql`alter table ${sql(elsewhere)} rename to ${sql(table)}`
      assert.include(
        answers.map(({ status }) => status),
        500,
        table
      )
    }
  })

/** That no answer tells a secret, but for the tokens it is there to hand out. */
export const assertNoLeak = (canaries: Canaries): void => {
  const telling = canaries.answers.flatMap(({ answer, request }) =>
    canaries.foundIn(canaries.told(answer)).map((secret) => `${request}, ${answer.status}: ${secret}`)
  )
  assert.deepStrictEqual(telling, [])
}
