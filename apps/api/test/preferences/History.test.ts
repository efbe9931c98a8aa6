import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertInvalid, assertUnauthenticated, pageOf, time } from "../Answers.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/preferences/history/"
const message = "Preferences history retrieved successfully"

const list = (token: string, query = "") => Effect.flatMap(TestApi, ({ send }) => send("GET", path + query, { token }))

const update = ({ access }: Person, body: object) =>
  Effect.flatMap(TestApi, ({ send }) => send("PATCH", "/api/v1/users/preferences/", { token: access, body }))

const versionsOf = (items: ReadonlyArray<{ readonly version: number }>) => items.map(({ version }) => version)

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("the history of the preferences", () => {
    it.effect("has the old and the new value of each changed setting, newest first", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        assert.deepStrictEqual(pageOf(yield* list(person.access), message, {}), [])
        yield* update(person, { email_marketing: false, frequency_limit: 50 })
        yield* update(person, { do_not_disturb_start: "22:00", do_not_disturb_end: "07:00" })
        const items = pageOf(yield* list(person.access), message, { total: 2, total_pages: 1 })
        for (const { at } of items) assert.match(at, time)
        assert.deepStrictEqual(items, [
          {
            at: items[0].at,
            source: "user",
            actor: person.id,
            version: 3,
            changes: { do_not_disturb_start: [null, "22:00:00"], do_not_disturb_end: [null, "07:00:00"] }
          },
          { at: items[1].at, source: "user", actor: person.id, version: 2, changes: { email_marketing: [true, false] } }
        ])
      })
    )

    it.effect("has no entry for an update that changes no setting or is refused", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        for (const body of [{}, { email_enabled: true }, { do_not_disturb_start: "22:00" }, { frequency_limit: -1 }]) {
          yield* update(person, body)
        }
        assert.deepStrictEqual(pageOf(yield* list(person.access), message, {}), [])
      })
    )

    it.effect("is paged, and is only that of this user", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [person, stranger] = [yield* api.person(), yield* api.person()]
        for (let limit = 1; limit <= 5; limit++) yield* update(person, { frequency_limit: limit })
        const counts = { total: 5, limit: 2, total_pages: 3 }
        const page = (number: number, meta: object) =>
          Effect.map(list(person.access, `?limit=2&page=${number}`), (answer) =>
            versionsOf(pageOf(answer, message, { ...counts, page: number, ...meta }))
          )
        assert.deepStrictEqual(yield* page(1, { has_next: true }), [6, 5])
        assert.deepStrictEqual(yield* page(3, { has_previous: true }), [2])
        assert.deepStrictEqual(yield* page(4, { has_previous: true }), [])
        assert.deepStrictEqual(pageOf(yield* list(stranger.access), message, {}), [])
      })
    )

    it.effect("requires an access token; an invalid page is 422", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        assertUnauthenticated(yield* send("GET", path))
        const { access } = yield* person()
        assertInvalid(yield* list(access, "?page=0"), { page: ["Must be an integer of at least 1."] })
        assert.strictEqual((yield* send("GET", path.slice(0, -1), { token: access })).status, 200)
      })
    )
  })
})
