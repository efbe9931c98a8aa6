import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, layerEmbedded, type Person, TestApi } from "../TestApi.ts"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"

const publicUrl = "https://users.example.com"

type Links = { readonly url: string; readonly manage_url: string; readonly headers: Readonly<Record<string, string>> }

const resolve = Effect.fnUntraced(function* (delivery: object) {
  const api = yield* TestApi
  const { body } = yield* api.send("POST", "/internal/v1/deliveries/resolve", {
    headers: { "x-api-key": gatewayKey },
    body: { deliveries: [delivery] }
  })
  return body.data[0]
})

/** The links of an e-mail of this category to the person. */
const linksTo = (person: Person, category = "marketing"): Effect.Effect<Links, never, TestApi> =>
  Effect.map(
    resolve({ user_id: person.id, channel: "email", category, unsubscribe: true }),
    ({ unsubscribe }) => unsubscribe
  )

const pathOf = (url: string) => {
  assert.isTrue(url.startsWith(`${publicUrl}/u/`), url)
  return url.slice(publicUrl.length)
}

const form = { "content-type": "application/x-www-form-urlencoded" }
const oneClick = { headers: form, body: "List-Unsubscribe=One-Click" }

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
  it.layer(layerEmbedded({ ...withGateway, PUBLIC_URL: `${publicUrl}/` }), { excludeTestServices: true })((it) => {
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
        assertPage(yield* api.send("GET", pathOf(url)), 200, "Unsubscribe from marketing emails?")
        assertPage(yield* api.send("GET", pathOf(manage_url)), 200, "Notification preferences")
        const head = yield* api.send("HEAD", pathOf(url))
        assert.deepStrictEqual([head.status, head.text], [200, ""])
        assert.deepStrictEqual(yield* preferencesOf(person), before)
      })
    )
  })
})
