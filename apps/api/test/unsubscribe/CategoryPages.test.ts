import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, layerEmbedded, type Person, TestApi } from "../TestApi.ts"
import { form, linksTo, oneClick, pathOf, withLinks } from "./Links.ts"

/** The pages of the link of a category, in all states. */
const pagesOf = Effect.fnUntraced(function* (path: string) {
  const { send } = yield* TestApi
  const undo = { headers: form, body: "action=undo" }
  const pages: Array<Answer> = []
  for (const request of [undefined, oneClick, undefined, oneClick, undo, undefined, undo]) {
    pages.push(yield* send(request === undefined ? "GET" : "POST", path, request))
  }
  return pages.map(({ status, text }) => ({ status, text }))
})

/** Makes the user differ from others in all that the pages of marketing e-mails must not show. */
const change = (person: Person) =>
  Effect.gen(function* () {
    const { send } = yield* TestApi
    const profile = { first_name: "Canary", last_name: "Surname", timezone: "Pacific/Chatham", bio: "Canary" }
    const renamed = yield* send("PATCH", "/api/v1/users/profile/", {
      token: person.access,
      body: { username: `canary-${person.id}`, phone_number: "+44 20 7946 0018", profile }
    })
    assert.strictEqual(renamed.status, 200, renamed.text)
    const switched = yield* send("PATCH", "/api/v1/users/preferences/", {
      token: person.access,
      body: {
        email_enabled: false,
        email_transactional: false,
        email_security: false,
        email_system: false,
        push_enabled: false,
        push_marketing: true,
        push_transactional: false,
        push_security: false,
        push_system: false,
        do_not_disturb_start: "22:00",
        do_not_disturb_end: "07:00",
        frequency_limit: 1
      }
    })
    assert.strictEqual(switched.status, 200, switched.text)
  })

describe("the pages of a category", () => {
  it.layer(layerEmbedded(withLinks), { excludeTestServices: true })((it) => {
    it.effect("are the same bytes in each state, whatever the address, the name and the other preferences are", () =>
      Effect.gen(function* () {
        const { person } = yield* TestApi
        const [one, other] = [yield* person(), yield* person()]
        const path = pathOf((yield* linksTo(one)).url)
        const otherPath = pathOf((yield* linksTo(other)).url)
        yield* change(other)
        const pages = yield* pagesOf(path)
        assert.deepStrictEqual(yield* pagesOf(otherPath), pages)
        // The states do differ from each other.
        assert.isAtLeast(new Set(pages.map(({ text }) => text)).size, 3)
        for (const { text } of pages) {
          for (const secret of [one.email, one.id, path]) assert.notInclude(text, secret)
        }
      })
    )
  })
})
