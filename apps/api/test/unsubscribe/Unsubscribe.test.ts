import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, layerEmbedded, type Person, TestApi } from "../TestApi.ts"
import { form, linksTo, oneClick, pathOf, resolve, withLinks } from "./Links.ts"

const undo = { headers: form, body: "action=undo" }

const choose = (person: Person, body: object) =>
  TestApi.use(({ send }) => send("PATCH", "/api/v1/users/preferences/", { token: person.access, body }))

const preferencesOf = (person: Person) =>
  Effect.map(
    TestApi.use(({ send }) => send("GET", "/api/v1/users/preferences/", { token: person.access })),
    ({ body, headers }) => ({ ...body.data, etag: headers.get("etag") })
  )

const assertPage = (answer: Answer, status: number, heading: string): void => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.include(answer.text, `<h1>${heading}</h1>`)
  assert.strictEqual(answer.headers.get("content-type"), "text/html; charset=utf-8")
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.strictEqual(answer.headers.get("referrer-policy"), "no-referrer")
  assert.strictEqual(answer.headers.get("x-robots-tag"), "noindex, nofollow")
  assert.match(answer.headers.get("content-security-policy") ?? "", /^default-src 'none'; .*style-src 'sha256-/)
  assert.isNull(answer.headers.get("set-cookie"))
  assert.isNull(answer.headers.get("location"))
}

describe("unsubscribe links", () => {
  it.layer(layerEmbedded(withLinks), { excludeTestServices: true })((it) => {
    it.effect("a mail provider's one click switches the category of the channel off, and nothing else", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { headers, url } = yield* linksTo(person)
        assert.deepStrictEqual(headers, {
          "List-Unsubscribe": `<${url}>`,
          "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"
        })
        const before = yield* preferencesOf(person)
        const answer = yield* api.send("POST", pathOf(url), oneClick)
        assertPage(answer, 200, "You are unsubscribed")
        const { etag, updated_at: _, ...after } = yield* preferencesOf(person)
        const { etag: _etag, updated_at: _at, ...expected } = before
        assert.deepStrictEqual(after, { ...expected, email_marketing: false })
        assert.notStrictEqual(etag, before.etag)
        const { rule } = yield* resolve({ user_id: person.id, channel: "email", category: "marketing" })
        assert.strictEqual(rule, "category_disabled")
      })
    )

    it.effect("the page changes nothing, however often it is fetched", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const { manage_url, url } = yield* linksTo(person)
        const before = yield* preferencesOf(person)
        for (const headers of [{}, { "sec-purpose": "prefetch" }, { "sec-purpose": "prefetch;prerender" }]) {
          assertPage(yield* api.send("GET", pathOf(url), { headers }), 200, "Unsubscribe from marketing emails?")
          assertPage(yield* api.send("GET", pathOf(manage_url), { headers }), 200, "Notification preferences")
          for (const link of [url, manage_url]) {
            const head = yield* api.send("HEAD", pathOf(link), { headers })
            assert.deepStrictEqual([head.status, head.text], [200, ""])
          }
        }
        assert.deepStrictEqual(yield* preferencesOf(person), before)
      })
    )

    it.effect("a change is in the history with its source and without an actor, and repeating it changes nothing", () =>
      Effect.gen(function* () {
        const { send, sql } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).url)
        yield* send("POST", path, oneClick)
        const { etag } = yield* preferencesOf(person)
        assertPage(yield* send("POST", path, oneClick), 200, "You are unsubscribed")
        assert.strictEqual((yield* preferencesOf(person)).etag, etag)
        const { body } = yield* send("GET", "/api/v1/users/preferences/history/", { token: person.access })
        assert.lengthOf(body.data, 1)
        const [{ actor, changes, source }] = body.data
        assert.deepStrictEqual([source, actor, changes], ["unsubscribe", null, { email_marketing: [true, false] }])
        const audit = yield* sql`
          select actor_id, details->>'source' as source from audit_log
          where user_id = ${person.id} and action = 'preferences.updated'`
        assert.deepStrictEqual(audit, [{ actor_id: null, source: "unsubscribe" }])
      })
    )

    it.effect("undo switches the category on again", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).url)
        yield* send("POST", path, oneClick)
        assertPage(yield* send("POST", path, undo), 200, "You are subscribed again")
        assert.isTrue((yield* preferencesOf(person)).email_marketing)
      })
    )

    it.effect("undo changes nothing where the user chose in the app, and says so", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).url)
        assert.include((yield* send("POST", path, oneClick)).text, `value="undo"`)
        for (const email_marketing of [true, false]) yield* choose(person, { email_marketing })
        const before = yield* preferencesOf(person)
        assert.notInclude((yield* send("GET", path)).text, `value="undo"`)
        const refused = yield* send("POST", path, undo)
        assertPage(refused, 200, "Nothing was changed")
        assert.include(refused.text, "Your choice about marketing emails was last made somewhere else")
        assert.deepStrictEqual(yield* preferencesOf(person), before)
      })
    )

    it.effect("every page says what is true while the whole channel is off", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const { manage_url, url } = yield* linksTo(person)
        yield* choose(person, { email_enabled: false })
        const off = yield* send("POST", pathOf(url), oneClick)
        assert.include(off.text, "You will no longer get marketing emails from us.")
        const on = yield* send("POST", pathOf(url), undo)
        assert.include(on.text, "You will get them unless all emails are switched off for your account.")
        const managed = yield* send("GET", pathOf(manage_url))
        assert.include(managed.text, "You get no emails while this is off.")
        assert.notInclude(managed.text, "You get no push notifications while this is off.")
      })
    )

    it.effect("forms of mail providers are read in both media types, with a line break at the end", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const parts = [
          "--b1\r\n",
          'content-disposition: form-data; name="List-Unsubscribe"\r\n\r\n',
          "One-Click\r\n--b1--\r\n"
        ]
        const multipart = { headers: { "content-type": "multipart/form-data; boundary=b1" }, body: parts.join("") }
        for (const request of [multipart, { ...oneClick, body: `${oneClick.body}\r\n` }]) {
          const person = yield* (yield* TestApi).person()
          const answer = yield* send("POST", pathOf((yield* linksTo(person)).url), request)
          assertPage(answer, 200, "You are unsubscribed")
          assert.isFalse((yield* preferencesOf(person)).email_marketing)
        }
      })
    )

    it.effect("what is no form, chooses nothing or has another method changes nothing", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).url)
        const before = yield* preferencesOf(person)
        const json = yield* send("POST", path, { body: { "List-Unsubscribe": "One-Click" } })
        assert.strictEqual(json.status, 415)
        assert.strictEqual((yield* send("POST", path, { headers: form, body: "a=b" })).status, 422)
        const put = yield* send("PUT", path, oneClick)
        assert.deepStrictEqual([put.status, put.headers.get("allow")], [405, "POST, GET, HEAD"])
        assert.deepStrictEqual(yield* preferencesOf(person), before)
      })
    )

    it.effect("a forged, cut or lengthened link is a page that was not found", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).url)
        const last = path.endsWith("A") ? "B" : "A"
        for (const forged of [`${path.slice(0, -1)}${last}`, path.slice(0, -4), `${path}AAAA`, "/u/x"]) {
          assert.strictEqual((yield* send("GET", forged)).status, 404, forged)
          assert.strictEqual((yield* send("POST", forged, oneClick)).status, 404, forged)
        }
        assert.isTrue((yield* preferencesOf(person)).email_marketing)
      })
    )

    it.effect("the page shows neither address nor name; the one for all preferences masks the address", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person({ name: "Canary Surname" })
        const { manage_url, url } = yield* linksTo(person)
        for (const link of [url, manage_url]) {
          const { text } = yield* send("GET", pathOf(link))
          for (const secret of [person.email, "Canary", "Surname", person.id]) assert.notInclude(text, secret)
        }
      })
    )

    it.effect("the link of an erased user leads to the same pages, and does nothing", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const { manage_url, url } = yield* linksTo(person)
        const before = yield* send("GET", pathOf(url))
        const { status } = yield* send("DELETE", "/api/v1/users/profile/", {
          token: person.access,
          body: { password: person.password }
        })
        assert.strictEqual(status, 204)
        assert.strictEqual((yield* send("GET", pathOf(url))).text, before.text)
        assertPage(yield* send("POST", pathOf(url), oneClick), 200, "You are unsubscribed")
        assertPage(yield* send("POST", pathOf(url), undo), 200, "Nothing was changed")
        const managed = yield* send("GET", pathOf(manage_url))
        assert.strictEqual(managed.status, 200)
        assert.notInclude(managed.text, "<input")
      })
    )

    it.effect("no request without a session silences security notifications", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).manage_url)
        const { text } = yield* send("GET", path)
        for (const name of ["email_enabled", "email_security", "push_enabled", "push_security"]) {
          assert.notInclude(text, `name="${name}"`)
          const body = `action=save&version=1&${name}=off`
          const refused = yield* send("POST", path, { headers: form, body })
          assertPage(refused, 422, "Notification preferences")
          assert.include(refused.text, "Nothing was saved.")
        }
        assert.strictEqual((yield* preferencesOf(person)).etag, `"1"`)
        // All that the form can switch off.
        assert.strictEqual((yield* send("POST", path, { headers: form, body: "action=save&version=1" })).status, 200)
        const { decision } = yield* resolve({ user_id: person.id, channel: "email", category: "security" })
        assert.strictEqual(decision, "allow")
        const { rule } = yield* resolve({ user_id: person.id, channel: "email", category: "system" })
        assert.strictEqual(rule, "category_disabled")
      })
    )

    it.effect("the form for all preferences saves switches and quiet hours, but not those of security", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).manage_url)
        const save = (fields: string) => send("POST", path, { headers: form, body: `action=save&${fields}` })
        const quiet = "do_not_disturb_start=22:00&do_not_disturb_end=07:00"
        const saved = yield* save(`version=1&email_enabled=on&push_enabled=on&email_system=on&${quiet}`)
        assert.strictEqual(saved.status, 200, saved.text)
        const after = yield* preferencesOf(person)
        assert.deepStrictEqual(
          [after.email_system, after.email_marketing, after.email_security, after.push_security],
          [true, false, true, true]
        )
        assert.deepStrictEqual([after.do_not_disturb_start, after.do_not_disturb_end], ["22:00:00", "07:00:00"])
        // The page was open while something else changed the preferences.
        yield* save("version=1&email_enabled=on")
        assert.strictEqual((yield* preferencesOf(person)).etag, after.etag)
        // One end of the quiet hours alone.
        const invalid = yield* save("version=2&email_enabled=on&do_not_disturb_start=22:00")
        assert.strictEqual(invalid.status, 422)
        assert.strictEqual((yield* preferencesOf(person)).etag, after.etag)
      })
    )

    it.effect("a form that is both out of date and wrong is shown again with the current preferences", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const person = yield* (yield* TestApi).person()
        const path = pathOf((yield* linksTo(person)).manage_url)
        yield* choose(person, { email_system: false })
        const body = "action=save&version=1&email_system=on&do_not_disturb_start=22:00"
        const answer = yield* send("POST", path, { headers: form, body })
        assertPage(answer, 409, "Notification preferences")
        assert.match(answer.text, /name="version" value="2"/)
        // Sent again, the form must not switch on what was switched off elsewhere.
        assert.notMatch(answer.text, /name="email_system"[^>]* checked/)
      })
    )
  })
})
