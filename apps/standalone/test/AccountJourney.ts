import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { expectAnswer, type Send } from "./Http.ts"
import { freshEmail, login, type Person, register } from "./Journey.ts"
import { type Mailbox, tokenIn } from "./Mailbox.ts"
import { waitUntil } from "./WaitUntil.ts"

const users = "/api/v1/users"
const key = "journey-Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

/** The environment that the journey requires. */
export const environment = { SERVICE_API_KEYS: `journey:${key}` }

/** What others than the user see of the program. */
export interface Surroundings {
  readonly mailbox: Mailbox
  /** The events that another service has received until now, if the broker can be reached by one. */
  readonly events?: ReadonlyArray<{ readonly routingKey: string; readonly body: Readonly<Record<string, unknown>> }>
}

/**
 * The life of an account whose user follows the links of its mails: verified, recovered with a new password, moved to another
 * address, unsubscribed, exported, and erased.
 */
export const accountJourney = Effect.fnUntraced(function* (send: Send, { events, mailbox }: Surroundings) {
  const registered = yield* register(send, { name: "Augusta Canary" })
  yield* verifyAddress(send, mailbox, registered)
  const recovered = yield* resetPassword(send, mailbox, registered)
  const moved = yield* changeAddress(send, mailbox, recovered)
  const link = yield* unsubscribe(send, moved)
  yield* exported(send, moved)
  yield* erase(send, moved, link)
  if (events !== undefined) yield* erasureIsPublished(events, moved)
})

const profile = `${users}/profile/`

const verifyAddress = Effect.fnUntraced(function* (send: Send, mailbox: Mailbox, { access, email }: Person) {
  const expect = expectAnswer(send)
  const isVerified = Effect.map(
    expect(200, undefined, "GET", profile, { token: access }),
    ({ body }) => body.data.is_verified
  )
  assert.isFalse(yield* isVerified)
  const token = yield* tokenIn(mailbox, "email_verification", email)
  const confirm = (status: number) =>
    expect(status, undefined, "POST", `${users}/verify-email/confirm/`, { body: { token } })
  yield* confirm(200)
  assert.isTrue(yield* isVerified)
  yield* confirm(422)
})

const resetPassword = Effect.fnUntraced(function* (send: Send, mailbox: Mailbox, person: Person) {
  const expect = expectAnswer(send)
  const password = "weaving algebraic patterns of flowers"
  yield* expect(202, undefined, "POST", `${users}/password-reset/`, { body: { email: person.email } })
  const token = yield* tokenIn(mailbox, "password_reset", person.email)
  const confirm = (status: number, new_password: string) =>
    expect(status, undefined, "POST", `${users}/password-reset/confirm/`, { body: { token, new_password } })
  yield* confirm(422, "12345678")
  yield* confirm(200, password)
  yield* confirm(422, "yet another battery horse staple")
  const ended = yield* expect(401, undefined, "GET", profile, { token: person.access })
  assert.strictEqual(ended.body.code, "token_invalid")
  yield* expect(401, undefined, "POST", `${users}/token/refresh/`, { body: { refresh: person.refresh } })
  yield* expect(401, undefined, "POST", `${users}/login/`, { body: { email: person.email, password: person.password } })
  return yield* login(send, { email: person.email, password })
})

const changeAddress = Effect.fnUntraced(function* (send: Send, mailbox: Mailbox, person: Person) {
  const expect = expectAnswer(send)
  const { access, email: before, password } = person
  const email = freshEmail()
  const change = { new_email: email, password }
  yield* expect(202, undefined, "POST", `${users}/change-email/`, { token: access, body: change })
  const token = yield* tokenIn(mailbox, "email_change", email)
  const confirm = (status: number) =>
    expect(status, undefined, "POST", `${users}/change-email/confirm/`, { body: { token } })
  yield* confirm(200)
  yield* confirm(422)
  // The session that asked for the change survives it.
  const { body } = yield* expect(200, undefined, "GET", profile, { token: access })
  assert.deepStrictEqual([body.data.email, body.data.is_verified], [email, true])
  yield* expect(401, undefined, "POST", `${users}/login/`, { body: { email: before, password } })
  return yield* login(send, { email, password })
})

/** Resolves an e-mail to the person, as a sender does. */
const resolve = Effect.fnUntraced(function* (send: Send, { id }: Person, delivery: object) {
  const { body } = yield* expectAnswer(send)(200, undefined, "POST", "/internal/v1/deliveries/resolve", {
    headers: { "x-api-key": key },
    body: { deliveries: [{ user_id: id, channel: "email", ...delivery }] }
  })
  return body.data[0]
})

/** Follows the link of an e-mail, as the recipient's mail provider does. Returns its path. */
const unsubscribe = Effect.fnUntraced(function* (send: Send, person: Person) {
  const expect = expectAnswer(send)
  const { access: token, email } = person
  const allowed = yield* resolve(send, person, { category: "marketing", unsubscribe: true })
  assert.deepStrictEqual([allowed.decision, allowed.email], ["allow", email])
  const link = new URL(allowed.unsubscribe.url).pathname
  yield* clickOn(send, link)
  const denied = yield* resolve(send, person, { category: "marketing", unsubscribe: true })
  assert.deepStrictEqual([denied.decision, denied.rule, denied.email], ["deny", "category_disabled", null])
  assert.strictEqual((yield* resolve(send, person, { category: "system" })).decision, "allow")
  const preferences = yield* expect(200, undefined, "GET", `${users}/preferences/`, { token })
  assert.deepStrictEqual([preferences.body.data.email_marketing, preferences.body.data.email_system], [false, true])
  const history = yield* expect(200, undefined, "GET", `${users}/preferences/history/`, { token })
  assert.lengthOf(history.body.data, 1)
  const [{ actor, changes, source }] = history.body.data
  assert.deepStrictEqual([source, actor, changes], ["unsubscribe", null, { email_marketing: [true, false] }])
  return link
})

const clickOn = (send: Send, link: string) =>
  expectAnswer(send)(200, undefined, "POST", link, {
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "List-Unsubscribe=One-Click"
  })

const exported = Effect.fnUntraced(function* (send: Send, { access: token, email, id }: Person) {
  const { body } = yield* expectAnswer(send)(200, undefined, "GET", `${users}/export/`, { token })
  const { deliveries, preferences_history, security_log, user } = body.data
  assert.deepStrictEqual([user.id, user.email], [id, email])
  const [{ changes, source }] = preferences_history
  assert.deepStrictEqual([source, changes], ["unsubscribe", { email_marketing: [true, false] }])
  const actions = security_log.map(({ action }: { readonly action: string }) => action)
  for (const action of ["user.password_reset", "user.email_changed", "preferences.updated"]) {
    assert.include(actions, action)
  }
  assert.includeMembers(
    deliveries.map(({ category }: { readonly category: string }) => category),
    ["security", "marketing", "system"]
  )
})

const erase = Effect.fnUntraced(function* (send: Send, person: Person, link: string) {
  const expect = expectAnswer(send)
  const { access: token, email, id, password, refresh } = person
  const notification_id = `goodbye-${randomUUID()}`
  yield* resolve(send, person, { notification_id, category: "transactional" })
  yield* expect(204, undefined, "DELETE", profile, { token, body: { password } })

  const refused = yield* expect(401, undefined, "POST", `${users}/login/`, { body: { email, password } })
  assert.strictEqual(refused.body.code, "invalid_credentials")
  yield* expect(401, undefined, "POST", `${users}/token/refresh/`, { body: { refresh } })
  yield* expect(401, undefined, "GET", `${users}/export/`, { token })
  yield* expect(404, undefined, "GET", `/internal/v1/users/${id}`, { headers: { "x-api-key": key } })
  assert.strictEqual((yield* resolve(send, person, { category: "security" })).rule, "user_unknown")
  const page = yield* clickOn(send, link)
  assert.notInclude(page.text, email)

  // The mail was sent before the erasure, and its status comes after it.
  const report = { notification_id, status: "delivered" }
  const { body } = yield* expect(200, undefined, "POST", "/internal/v1/deliveries/status", {
    headers: { "x-api-key": key },
    body: { statuses: [report, { ...report, user_id: id }] }
  })
  assert.deepStrictEqual(
    body.data.map(({ outcome }: { readonly outcome: string }) => outcome),
    ["user_erased", "user_erased"]
  )
})

const erasureIsPublished = Effect.fnUntraced(function* (events: NonNullable<Surroundings["events"]>, { id }: Person) {
  const erasures = () =>
    events.filter(({ body, routingKey }) => routingKey === "user.deleted" && body["user_id"] === id)
  yield* waitUntil(
    "user.deleted is published",
    Effect.sync(() => erasures().length > 0)
  )
  for (const { body } of erasures()) {
    const { timestamp: _, ...rest } = body
    assert.deepStrictEqual(rest, { event_type: "user_deleted", user_id: id })
  }
})
