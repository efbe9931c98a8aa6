import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertInvalid, assertTokenInvalid, assertUnauthenticated } from "../Answers.ts"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"
import { goodPassword, layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const users = "/api/v1/users"
const path = `${users}/profile/`
const required = "This field is required."

const erase = (token: string, body: unknown = { password: goodPassword }) =>
  Effect.flatMap(TestApi, ({ send }) => send("DELETE", path, { token, body }))

const refresh = (person: Pick<Person, "refresh">) =>
  Effect.flatMap(TestApi, ({ send }) => send("POST", `${users}/token/refresh/`, { body: { refresh: person.refresh } }))

describe("erasing an account", () => {
  it.layer(layerEmbedded(withGateway), { excludeTestServices: true })((it) => {
    it.effect(
      "answers 204 without a body; every token is refused at once, and the e-mail and the username are free",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const person = yield* api.person({ username: "ada.erased" })
          const elsewhere = yield* api.login(person)
          for (const { access } of [person, elsewhere]) {
            assert.strictEqual((yield* api.send("GET", path, { token: access })).status, 200)
          }
          const erased = yield* erase(person.access)
          assert.deepStrictEqual([erased.status, erased.text], [204, ""])
          for (const tokens of [person, elsewhere]) {
            assertTokenInvalid(yield* api.send("GET", path, { token: tokens.access }))
            assertTokenInvalid(yield* refresh(tokens))
          }
          const { email, password } = person
          const login = yield* api.send("POST", `${users}/login/`, { body: { email, password } })
          assertFailure(login, 401, "invalid_credentials", "Invalid email or password")
          const again = yield* api.person({ email, username: "ada.erased" })
          assert.notStrictEqual(again.id, person.id)
          assertTokenInvalid(yield* api.send("GET", path, { token: person.access }))
        })
    )

    it.effect("needs the password: a wrong one is 422 on it and changes nothing, none is 422 too", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        assertInvalid(yield* erase(access, { password: "not the password" }), {
          password: ["The password is incorrect."]
        })
        assertInvalid(yield* erase(access, {}), { password: [required] })
        assertUnauthenticated(yield* api.send("DELETE", path, { body: { password: goodPassword } }))
        assert.strictEqual((yield* api.send("GET", path, { token: access })).status, 200)
      })
    )

    it.effect("writes one event without personal data, and keeps of the audit log the id alone", () =>
      Effect.gen(function* () {
        const { sql, ...api } = yield* TestApi
        const person = yield* api.person()
        yield* api.send("PATCH", path, { token: person.access, body: { profile: { bio: "Poetical science." } } })
        assert.strictEqual((yield* erase(person.access)).status, 204)
        const events = yield* sql`select event_type, payload from outbox where user_id = ${person.id}`
        assert.lengthOf(events, 1)
        const [{ event_type: type, payload } = {}] = events
        assert.strictEqual(type, "UserDeleted")
        assert.sameMembers(Object.keys(payload as object), ["_tag", "userId", "sessionIds"])
        const entries = yield* sql`
          select action, ip, nullif(user_agent, '') as user_agent, details from audit_log
          where user_id = ${person.id} order by created_at, id`
        assert.deepStrictEqual(
          entries.map(({ action }) => action),
          ["user.registered", "profile.updated", "user.erased"]
        )
        for (const { details, ip, user_agent } of entries)
          assert.deepStrictEqual([ip, user_agent, details], [null, null, {}])
        const [record] = yield* sql`
          select finished_at is not null as finished, search_terms from erasures where user_id = ${person.id}`
        assert.deepStrictEqual(record, { finished: true, search_terms: null })
      })
    )

    it.effect("makes the user unknown to senders; late statuses are accepted and dropped", () =>
      Effect.gen(function* () {
        const { sql, ...api } = yield* TestApi
        const person = yield* api.person()
        const call = (way: string, body: unknown) =>
          api.send("POST", `/internal/v1/deliveries/${way}`, { headers: { "x-api-key": gatewayKey }, body })
        const delivery = {
          notification_id: `n-${person.id}`,
          user_id: person.id,
          channel: "email",
          category: "transactional"
        }
        const allowed = yield* call("resolve", { deliveries: [delivery] })
        assert.strictEqual(allowed.body.data[0].decision, "allow")
        assert.strictEqual((yield* erase(person.access)).status, 204)
        const denied = yield* call("resolve", { deliveries: [{ ...delivery, notification_id: `m-${person.id}` }] })
        assert.deepStrictEqual([denied.body.data[0].decision, denied.body.data[0].rule], ["deny", "user_unknown"])
        const status = { notification_id: delivery.notification_id, status: "failed", error: "mailbox of Ada is full" }
        const late = yield* call("status", { statuses: [status] })
        assert.strictEqual(late.status, 200)
        assert.include(late.text, "user_erased")
        const [row] =
          yield* sql`select user_id, error from deliveries where notification_id = ${delivery.notification_id}`
        assert.deepStrictEqual(row, { user_id: null, error: null })
      })
    )
  })

  it.layer(layerEmbedded({ RATE_LIMIT_CHANGE_PASSWORD: "2/15m" }), { excludeTestServices: true })("limited", (it) => {
    it.effect("counts with changes of the password, and past the limit erases nothing", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        yield* erase(access, { password: "not the password" })
        const passwords = { old_password: "wrong", new_password: goodPassword, new_password_confirm: goodPassword }
        yield* api.send("POST", `${users}/change-password/`, { token: access, body: passwords })
        const limited = yield* erase(access)
        assert.deepStrictEqual([limited.status, limited.body.code], [429, "rate_limited"])
        assert.strictEqual((yield* api.send("GET", path, { token: access })).status, 200)
      })
    )
  })
})
