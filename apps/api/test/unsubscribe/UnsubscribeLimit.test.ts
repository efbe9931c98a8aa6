import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { linksTo, oneClick, pathOf, withLinks } from "./Links.ts"

// The clients come through a trusted proxy, so that a test can have several addresses.
const environment = { ...withLinks, RATE_LIMIT_UNSUBSCRIBE: "30/1m", TRUSTED_PROXIES: "127.0.0.1" }

const from = (address: string) => ({ "x-forwarded-for": address })

describe("RATE_LIMIT_UNSUBSCRIBE", () => {
  it.layer(layerEmbedded(environment), { excludeTestServices: true })((it) => {
    it.effect(
      "30 forged or cut links of an address are not found, and the next one is refused for the rest of the minute",
      () =>
        Effect.gen(function* () {
          const { pass, person, send } = yield* TestApi
          const { manage_url, url } = yield* linksTo(yield* person())
          const headers = from("203.0.113.1")
          const cut = pathOf(url).slice(0, -1)
          const forged = `${pathOf(manage_url).slice(0, -2)}${manage_url.endsWith("AA") ? "BA" : "AA"}`
          for (let attempt = 0; attempt < 15; attempt++) {
            assert.strictEqual((yield* send("GET", cut, { headers })).status, 404)
            const posted = yield* send("POST", forged, { ...oneClick, headers: { ...oneClick.headers, ...headers } })
            assert.strictEqual(posted.status, 404)
          }
          for (const method of ["GET", "POST"]) {
            const refused = yield* send(method, cut, { headers })
            assert.strictEqual(refused.status, 429)
            const seconds = Number(refused.headers.get("retry-after"))
            assert.isTrue(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
            assert.strictEqual(refused.headers.get("ratelimit-policy"), `"unsubscribe";q=30;w=60`)
            assert.strictEqual(refused.headers.get("ratelimit"), `"unsubscribe";r=0;t=${seconds}`)
            assert.strictEqual(refused.headers.get("content-type"), "text/html; charset=utf-8")
            assert.include(refused.text, "<h1>Too many attempts</h1>")
            assert.include(refused.text, `Please try again in ${seconds} seconds.`)
          }
          // Valid links of this address, and invalid ones of another address.
          assert.strictEqual((yield* send("GET", pathOf(url), { headers })).status, 200)
          assert.strictEqual((yield* send("GET", cut, { headers: from("203.0.113.2") })).status, 404)
          yield* pass("1 minute")
          assert.strictEqual((yield* send("GET", cut, { headers })).status, 404)
        })
    )

    it.effect("mail providers unsubscribe any number of users from one address", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const people = yield* Effect.replicateEffect(person(), 31, { concurrency: 4 })
        for (const user of people) {
          const { url } = yield* linksTo(user)
          const headers = { ...oneClick.headers, ...from("198.51.100.1") }
          assert.strictEqual((yield* send("POST", pathOf(url), { ...oneClick, headers })).status, 200)
        }
      })
    )

    it.effect("a link makes at most 30 changes a minute, whatever the addresses", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const path = pathOf((yield* linksTo(yield* person())).url)
        const change = (attempt: number) =>
          send("POST", path, {
            headers: { ...oneClick.headers, ...from(`192.0.2.${attempt}`) },
            body: attempt % 2 === 0 ? oneClick.body : "action=undo"
          })
        for (let attempt = 0; attempt < 30; attempt++) {
          assert.strictEqual((yield* change(attempt)).status, 200)
        }
        const refused = yield* change(30)
        assert.strictEqual(refused.status, 429)
        assert.include(refused.text, "<h1>Too many attempts</h1>")
        assert.strictEqual((yield* send("GET", path)).status, 200)
      })
    )
  })
})
