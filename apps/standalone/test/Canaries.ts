import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import type { Answer, Send } from "./Http.ts"
import { freshEmail, type Person } from "./Journey.ts"

/** Credentials of all kinds, which tests search for in output afterwards. */
export class Canaries {
  private readonly all = new Map<string, string>()

  /** A random credential. `name` says where the test uses it. */
  make(name: string): string {
    // In letters that no e-mail of the tests contains, since a password must not be similar to the e-mail.
    const value = `canary${randomBytes(16)
      .toString("hex")
      .replaceAll(/./g, (digit) => "ghjkmnpqrstuvwxy"[parseInt(digit, 16)] ?? "")}`
    this.all.set(name, value)
    return value
  }

  /** A credential that the service issued. The secret parts of a token are its claims and its signature. */
  token(name: string, jwt: string): string {
    for (const [index, part] of jwt.split(".").slice(1).entries()) this.all.set(`${name}, part ${index + 2}`, part)
    return jwt
  }

  /** The names of the canaries that the text contains. */
  in(text: string): ReadonlyArray<string> {
    return [...this.all].filter(([, value]) => text.includes(value)).map(([name]) => name)
  }
}

const users = "/api/v1/users"

/** Sends the canaries in all places where a client may put a credential, also by mistake, and returns the answers. */
export const sendEverywhere = Effect.fnUntraced(function* (canaries: Canaries, send: Send, url: string) {
  const answers: Array<Answer> = []
  const post = Effect.fnUntraced(function* (path: string, body: unknown, more: { readonly token?: string } = {}) {
    const answer = yield* send("POST", path, { body, ...more })
    answers.push(answer)
    return answer
  })
  const get = (path: string, headers: Readonly<Record<string, string>>) =>
    Effect.map(send("GET", path, { headers }), (answer) => void answers.push(answer))

  // In the intended places.
  const account = { email: freshEmail(), password: canaries.make("password of a registration") }
  const push = canaries.make("push token of a registration")
  const registered = yield* post(`${users}/register/`, { ...account, push_token: push })
  const tokens: Pick<Person, "access" | "refresh"> = registered.body.data.tokens
  const access = canaries.token("access token", tokens.access)
  const refresh = canaries.token("refresh token", tokens.refresh)
  yield* post(`${users}/login/`, account)
  yield* post(`${users}/login/`, { ...account, password: canaries.make("wrong password") })
  yield* post(`${users}/push-tokens/`, { token: canaries.make("push token"), platform: "ios" }, { token: access })
  yield* post(`${users}/token/verify/`, { token: access })
  yield* post(`${users}/token/refresh/`, { refresh })
  const password = canaries.make("new password")
  const changed = yield* post(
    `${users}/change-password/`,
    { old_password: account.password, new_password: password, new_password_confirm: password },
    { token: access }
  )
  const next = canaries.token("access token after the change", changed.body.data.tokens.access)
  yield* get(`${users}/profile/`, { authorization: `Bearer ${access}` })
  yield* get(`${users}/profile/`, { authorization: `Bearer ${next}` })

  // In requests that are refused.
  yield* post(`${users}/register/`, { ...account, password: canaries.make("password beside a taken e-mail") })
  yield* post(`${users}/register/`, { email: 1, password: canaries.make("password beside a bad e-mail") })
  yield* post(`${users}/register/`, {
    email: freshEmail(),
    password: { value: canaries.make("password in an object") }
  })
  yield* post(`${users}/login/`, `{"password": "${canaries.make("password in what is no JSON")}`)
  yield* post(`${users}/push-tokens/`, { token: canaries.make("bad push token"), platform: "pager" }, { token: next })
  yield* post(`${users}/push-tokens/`, { token: canaries.make("long push token").repeat(200) }, { token: next })
  yield* post(`${users}/token/verify/`, { token: canaries.make("token that is none") })
  yield* post(`${users}/token/refresh/`, { refresh: canaries.make("refresh token that is none") })
  yield* post(`${users}/logout/`, { refresh: canaries.make("refresh token of a logout") })
  yield* post(`${users}/login/`, { ...account, password: canaries.make("password in 200 kB").repeat(6000) })
  yield* get(`${users}/profile/`, { authorization: `Bearer ${canaries.make("bearer that is none")}` })

  // In unintended places.
  yield* get(`${users}/profile/?token=${next}&password=${canaries.make("password in a query")}`, {})
  yield* get(`${users}/push-tokens/${canaries.make("push token in a path")}/`, { authorization: `Bearer ${next}` })
  yield* get(`/${canaries.make("something in an unknown path")}/${next}`, {})
  yield* get(`${users}/profile/`, {
    authorization: `Basic ${canaries.make("basic credential")}`
  })
  yield* get(`${users}/profile/`, {
    "x-request-id": next.slice(0, 128),
    cookie: `session=${canaries.make("cookie")}`,
    "x-api-key": canaries.make("API key"),
    "idempotency-key": canaries.make("idempotency key"),
    "user-agent": canaries.make("user agent"),
    referer: `http://example.com/?access_token=${canaries.make("token in a referrer")}`,
    "x-forwarded-for": canaries.make("forwarded address"),
    traceparent: canaries.make("trace")
  })
  yield* noHttp(url, `GET /${canaries.make("path of what is no HTTP")} HTTP/9.9\r\n\r\n`)
  yield* noHttp(url, `${canaries.make("what is no HTTP at all")}\r\n\r\n`)
  return answers
})

/** Sends raw text, and waits until the server has closed the connection. */
const noHttp = (url: string, sent: string) =>
  Effect.callback<void>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(sent))
    socket.on("error", () => socket.destroy())
    socket.on("close", () => resume(Effect.void))
    socket.resume()
    return Effect.sync(() => socket.destroy())
  })
