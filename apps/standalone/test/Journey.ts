import { assert } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { randomUUID } from "node:crypto"
import { expectAnswer, type Send } from "./Http.ts"

/** A registered user with the tokens of a session. */
export interface Person {
  readonly email: string
  readonly password: string
  readonly id: string
  readonly access: string
  readonly refresh: string
}

export const goodPassword = "correct horse battery staple"

export const freshEmail = (): string => `p${randomUUID()}@example.com`

const users = "/api/v1/users"

/** Registers a new user. */
export const register = Effect.fnUntraced(function* (send: Send, input: Readonly<Record<string, unknown>> = {}) {
  const account = { email: freshEmail(), password: goodPassword, ...input }
  const { body } = yield* expectAnswer(send)(201, "User registered successfully", "POST", `${users}/register/`, {
    body: account
  })
  const { id, tokens } = body.data
  return { email: account.email, password: account.password, id, ...tokens } as Person
})

/** Logs the user in again. */
export const login = Effect.fnUntraced(function* (send: Send, { email, password }: Pick<Person, "email" | "password">) {
  const { body } = yield* expectAnswer(send)(200, "Login successful", "POST", `${users}/login/`, {
    body: { email, password, device_name: "second device" }
  })
  return { email, password, id: body.data.id, ...body.data.tokens } as Person
})

/**
 * How soon an access token of an ended session is refused: by the process that ended it on the next request, by another
 * that shares its engines within a second.
 */
export type Revocation = "at once" | "within a second"

// Requests alternate between processes, so that this many reach each of two.
const inARow = 4

const assertDead = Effect.fnUntraced(function* (send: Send, revocation: Revocation, access: string) {
  const ended = yield* Clock.currentTimeMillis
  for (let refusals = 0; refusals < inARow;) {
    const asked = yield* Clock.currentTimeMillis
    const { body, status } = yield* send("GET", `${users}/profile/`, { token: access })
    if (revocation === "within a second" && asked < ended + 1000 && status === 200) {
      refusals = 0
      continue
    }
    assert.deepStrictEqual({ status, code: body.code }, { status: 401, code: "token_invalid" })
    refusals += 1
  }
})

/** Exercises all operations of a user over HTTP, and ends with the user logged in. */
export const journey = Effect.fnUntraced(function* (send: Send, revocation: Revocation = "at once") {
  yield* probes(send)
  yield* documents(send)
  const person = yield* accounts(send)
  yield* profile(send, person)
  yield* preferences(send, person)
  yield* pushTokens(send, person)
  yield* notifications(send, person)
  yield* sessions(send, revocation, person)
  const changed = yield* changedPassword(send, revocation, person)
  const last = yield* logouts(send, revocation, changed)
  yield* metrics(send)
  return last
})

const probes = Effect.fnUntraced(function* (send: Send) {
  const expect = expectAnswer(send)
  for (const path of ["/health", "/health/", `${users}/health/`]) {
    const { body } = yield* expect(200, undefined, "GET", path)
    assert.strictEqual(body.data.service, "user-service")
    assert.strictEqual(body.data.status, "healthy", JSON.stringify(body.data))
    for (const engine of ["database", "cache", "broker"]) assert.strictEqual(body.data.checks[engine].status, "up")
  }
  yield* expect(200, undefined, "GET", "/health/live")
  yield* expect(200, undefined, "GET", "/health/ready")
})

const documents = Effect.fnUntraced(function* (send: Send) {
  const expect = expectAnswer(send)
  const schema = yield* expect(200, undefined, "GET", "/api/schema")
  assert.match(schema.body.openapi, /^3\.1\./)
  assert.include(Object.keys(schema.body.paths), `${users}/register/`)
  const yaml = yield* expect(200, undefined, "GET", "/api/schema.yml")
  assert.match(yaml.text, /^openapi: "?3\.1\./)
  const messages = yield* expect(200, undefined, "GET", "/api/asyncapi")
  assert.match(messages.body.asyncapi, /^3\./)
  for (const page of ["", "/swagger", "/redoc", "/asyncapi"]) {
    const { headers, text } = yield* expect(200, undefined, "GET", `/api/docs${page}`)
    assert.match(headers.get("content-type") ?? "", /^text\/html/)
    assert.isNotNull(headers.get("content-security-policy"))
    const assets = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].flatMap(([, path]) => path ?? [])
    assert.isAbove(assets.length, 0)
    for (const asset of assets) assert.isAbove((yield* expect(200, undefined, "GET", asset)).text.length, 0)
  }
  const { body } = yield* expect(200, undefined, "GET", "/.well-known/jwks.json")
  assert.deepStrictEqual([body.keys.length, body.keys[0].crv, body.keys[0].d], [1, "Ed25519", undefined])
})

const accounts = Effect.fnUntraced(function* (send: Send) {
  const expect = expectAnswer(send)
  const email = freshEmail()
  const person = yield* register(send, { email: ` ${email.toUpperCase()} `, name: "Ada Lovelace" })
  const taken = yield* expect(422, "Invalid input data", "POST", `${users}/register/`, {
    body: { email, password: goodPassword }
  })
  assert.deepStrictEqual(Object.keys(taken.body.data), ["email"])
  const wrong = yield* expect(401, undefined, "POST", `${users}/login/`, { body: { email, password: "no such one" } })
  assert.strictEqual(wrong.body.code, "invalid_credentials")
  const unknown = yield* expect(401, undefined, "POST", `${users}/login/`, {
    body: { email: freshEmail(), password: "no such one" }
  })
  assert.strictEqual(unknown.text, wrong.text)
  const again = yield* login(send, { email, password: person.password })
  assert.strictEqual(again.id, person.id)
  yield* expect(200, undefined, "POST", `${users}/token/verify/`, { body: { token: again.access } })
  yield* expect(401, undefined, "POST", `${users}/token/verify/`, { body: { token: `${again.access}x` } })
  return { ...again, email }
})

const profile = Effect.fnUntraced(function* (send: Send, { access: token, email, id }: Person) {
  const expect = expectAnswer(send)
  const path = `${users}/profile/`
  yield* expect(401, undefined, "GET", path)
  const read = () => expect(200, "User profile retrieved successfully", "GET", path, { token })
  const before = (yield* read()).body.data
  assert.deepStrictEqual([before.id, before.email, before.profile.full_name], [id, email, "Ada Lovelace"])
  const changed = yield* expect(200, "Profile updated successfully", "PATCH", path, {
    token,
    body: { phone_number: "+44 (0)20", profile: { timezone: "Europe/London", bio: "Notes on the engine" } }
  })
  const { phone_number, profile } = changed.body.data
  assert.deepStrictEqual([phone_number, profile.timezone, profile.first_name], ["+44 (0)20", "Europe/London", "Ada"])
  yield* expect(200, undefined, "PUT", path, { token, body: { profile: { last_name: "King" } } })
  const after = (yield* read()).body.data
  assert.deepStrictEqual(
    [after.profile.full_name, after.profile.bio, after.phone_number],
    ["Ada King", "Notes on the engine", "+44 (0)20"]
  )
  yield* expect(422, "Invalid input data", "PATCH", path, { token, body: { profile: { timezone: "Moon/Sea" } } })
})

const preferences = Effect.fnUntraced(function* (send: Send, { access: token }: Person) {
  const expect = expectAnswer(send)
  const path = `${users}/preferences/`
  const first = yield* expect(200, "Preferences retrieved successfully", "GET", path, { token })
  const tag = first.headers.get("etag") ?? ""
  assert.match(tag, /^"\d+"$/)
  const changed = yield* expect(200, "Preferences updated successfully", "PUT", path, {
    token,
    headers: { "if-match": tag },
    body: { push_marketing: true, do_not_disturb_start: "22:00", do_not_disturb_end: "07:00", frequency_limit: 5 }
  })
  assert.notStrictEqual(changed.headers.get("etag"), tag)
  const stale = yield* expect(412, undefined, "PATCH", path, {
    token,
    headers: { "if-match": tag },
    body: { frequency_limit: 6 }
  })
  assert.strictEqual(stale.body.code, "precondition_failed")
  const last = yield* expect(200, undefined, "GET", path, { token })
  assert.strictEqual(last.headers.get("etag"), changed.headers.get("etag"))
  assert.deepStrictEqual(last.body.data, changed.body.data)
  const { do_not_disturb_start, frequency_limit, push_marketing } = last.body.data
  assert.deepStrictEqual([do_not_disturb_start, frequency_limit, push_marketing], ["22:00:00", 5, true])
})

const pushTokens = Effect.fnUntraced(function* (send: Send, { access: token }: Person) {
  const expect = expectAnswer(send)
  const path = `${users}/push-tokens/`
  const add = (status: number, device: string) =>
    Effect.map(
      expect(status, undefined, "POST", path, {
        token,
        body: { token: device, platform: "android", device_name: "Phone" }
      }),
      ({ body }) => body.data.id
    )
  const list = Effect.map(expect(200, "Push tokens retrieved successfully", "GET", path, { token }), ({ body }) => body)
  const [one, two] = [randomUUID(), randomUUID()]
  const id = yield* add(201, one)
  assert.strictEqual(yield* add(200, one), id)
  const other = yield* add(201, two)
  const both = yield* list
  assert.sameMembers(
    both.data.map((item: { readonly id: string }) => item.id),
    [id, other]
  )
  assert.strictEqual(both.meta.total, 2)
  assert.notInclude(JSON.stringify(both), one)
  const renamed = yield* expect(200, undefined, "PATCH", `${path}${id}/`, { token, body: { device_name: "Tablet" } })
  assert.strictEqual(renamed.body.data.device_name, "Tablet")
  const deleted = yield* expect(204, undefined, "DELETE", `${path}${id}/`, { token })
  assert.strictEqual(deleted.text, "")
  yield* expect(404, undefined, "GET", `${path}${id}/`, { token })
  yield* add(201, randomUUID())
  const { body } = yield* expect(200, undefined, "POST", `${path}deactivate_all/`, { token })
  assert.strictEqual(body.data.deactivated_count, 2)
  const silent = yield* list
  assert.deepStrictEqual(
    silent.data.map((item: { readonly is_active: boolean }) => item.is_active),
    [false, false]
  )
})

const notifications = Effect.fnUntraced(function* (send: Send, { access: token }: Person) {
  const path = `${users}/notifications/?channel=push&status=sent`
  const { body } = yield* expectAnswer(send)(200, "Notifications retrieved successfully", "GET", path, { token })
  assert.deepStrictEqual([body.data, body.meta.total], [[], 0])
})

const sessions = Effect.fnUntraced(function* (send: Send, revocation: Revocation, person: Person) {
  const expect = expectAnswer(send)
  const path = `${users}/sessions/`
  const third = yield* login(send, person)
  const { body } = yield* expect(200, undefined, "GET", path, { token: person.access })
  assert.deepStrictEqual(
    body.data.map((session: { readonly current: boolean }) => session.current),
    [false, true, false],
    "newest first"
  )
  assert.strictEqual(body.data[1].device_name, "second device")
  yield* expect(204, undefined, "DELETE", `${path}${body.data[0].id}/`, { token: person.access })
  yield* assertDead(send, revocation, third.access)
  const left = yield* expect(200, undefined, "GET", path, { token: person.access })
  assert.strictEqual(left.body.meta.total, 2)

  const refresh = () => expect(200, undefined, "POST", `${users}/token/refresh/`, { body: { refresh: person.refresh } })
  const first = (yield* refresh()).body
  assert.deepStrictEqual([first.data.access, first.data.refresh], [first.access, first.refresh])
  assert.notStrictEqual(first.refresh, person.refresh)
  const again = (yield* refresh()).body
  assert.strictEqual(again.refresh, first.refresh, "within the grace the same successor comes again")
  yield* expect(200, undefined, "GET", `${users}/profile/`, { token: first.access })
})

const changedPassword = Effect.fnUntraced(function* (send: Send, revocation: Revocation, person: Person) {
  const expect = expectAnswer(send)
  const password = "another battery horse staple"
  const other = yield* login(send, person)
  const change = (old_password: string, status: number, message: string) =>
    expect(status, message, "POST", `${users}/change-password/`, {
      token: other.access,
      body: { old_password, new_password: password, new_password_confirm: password }
    })
  const refused = yield* change("no such one", 422, "Invalid input data")
  assert.deepStrictEqual(Object.keys(refused.body.data), ["old_password"])
  const { body } = yield* change(person.password, 200, "Password changed successfully")
  for (const { access, refresh } of [other, person]) {
    yield* expect(401, undefined, "POST", `${users}/token/refresh/`, { body: { refresh } })
    yield* assertDead(send, revocation, access)
  }
  yield* expect(401, undefined, "POST", `${users}/login/`, { body: { email: person.email, password: person.password } })
  const changed: Person = { ...person, password, ...body.data.tokens }
  yield* expect(200, undefined, "GET", `${users}/profile/`, { token: changed.access })
  return changed
})

const logouts = Effect.fnUntraced(function* (send: Send, revocation: Revocation, person: Person) {
  const expect = expectAnswer(send)
  const logout = () => expect(200, "Logout successful", "POST", `${users}/logout/`, { token: person.access, body: {} })
  yield* logout()
  yield* assertDead(send, revocation, person.access)
  yield* expect(401, undefined, "POST", `${users}/token/refresh/`, { body: { refresh: person.refresh } })
  yield* logout()
  const [one, two] = [yield* login(send, person), yield* login(send, person)]
  const { body } = yield* expect(200, undefined, "POST", `${users}/logout-all/`, { token: one.access })
  assert.strictEqual(body.data.revoked_count, 2)
  yield* assertDead(send, revocation, one.access)
  yield* assertDead(send, revocation, two.access)
  return yield* login(send, person)
})

const metrics = Effect.fnUntraced(function* (send: Send) {
  const { headers, text } = yield* expectAnswer(send)(200, undefined, "GET", "/metrics")
  assert.match(headers.get("content-type") ?? "", /^text\/plain/)
  for (const name of ["http_server_request_duration", "user_service_engine_up", "process_resident_memory_bytes"]) {
    assert.include(text, name)
  }
})
