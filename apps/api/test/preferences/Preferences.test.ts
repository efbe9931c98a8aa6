import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertFailure, assertInvalid, assertUnauthenticated, successData, time, uuidV7 } from "../Answers.ts"
import { type Answer, layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/preferences/"

const find = (token: string) => Effect.flatMap(TestApi, ({ send }) => send("GET", path, { token }))

const found = (answer: Answer) => successData(answer, 200, "Preferences retrieved successfully")

const update = (token: string, body: unknown, ifMatch?: string, method = "PATCH") =>
  Effect.flatMap(TestApi, ({ send }) =>
    send(method, path, { token, body, headers: ifMatch === undefined ? {} : { "if-match": ifMatch } })
  )

const changed = (answer: Answer) => successData(answer, 200, "Preferences updated successfully")

const assertStale = (answer: Answer, current: string): void => {
  assertFailure(answer, 412, "precondition_failed", "The preferences were changed meanwhile")
  assert.strictEqual(answer.headers.get("etag"), current)
}

const switches = [
  "email_enabled",
  "email_marketing",
  "email_transactional",
  "email_security",
  "email_system",
  "push_enabled",
  "push_marketing",
  "push_transactional",
  "push_security",
  "push_system"
]

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("preferences", () => {
    it.effect("of a new user permit everything but marketing pushes", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const answer = yield* find(access)
        const preferences = found(answer)
        assert.strictEqual(answer.headers.get("etag"), `"1"`)
        assert.match(preferences.id, uuidV7)
        assert.match(preferences.created_at, time)
        assert.deepStrictEqual(preferences, {
          ...Object.fromEntries(switches.map((name) => [name, name !== "push_marketing"])),
          id: preferences.id,
          do_not_disturb_start: null,
          do_not_disturb_end: null,
          frequency_limit: 50,
          created_at: preferences.created_at,
          updated_at: preferences.created_at
        })
      })
    )

    it.effect("are updated in part by PUT and PATCH alike, which return all of them with the next tag", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const method of ["PUT", "PATCH"]) {
          const { access } = yield* api.person()
          const before = found(yield* find(access))
          const answer = yield* update(
            access,
            { email_marketing: false, push_marketing: true, frequency_limit: 0 },
            undefined,
            method
          )
          const after = changed(answer)
          assert.strictEqual(answer.headers.get("etag"), `"2"`)
          assert.isAbove(Date.parse(after.updated_at), Date.parse(before.updated_at))
          assert.deepStrictEqual(after, {
            ...before,
            email_marketing: false,
            push_marketing: true,
            frequency_limit: 0,
            updated_at: after.updated_at
          })
          const again = yield* find(access)
          assert.deepStrictEqual(found(again), after)
          assert.strictEqual(again.headers.get("etag"), `"2"`)
        }
      })
    )

    it.effect("have switches that can all be changed", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const name of switches) {
          for (const value of [false, true]) {
            assert.strictEqual(changed(yield* update(access, { [name]: value }))[name], value)
          }
        }
      })
    )

    it.effect("appear in the profile at once", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const profile = api.send("GET", "/api/v1/users/profile/", { token: access })
        yield* profile
        const after = changed(yield* update(access, { frequency_limit: 7 }))
        assert.deepStrictEqual((yield* profile).body.data.notification_preferences, after)
      })
    )

    it.effect("get a new tag by an empty change", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const { updated_at, ...before } = found(yield* find(access))
        const answer = yield* update(access, { unknown: true, id: "x" })
        const { updated_at: moved, ...after } = changed(answer)
        assert.deepStrictEqual(after, before)
        assert.notStrictEqual(moved, updated_at)
        assert.strictEqual(answer.headers.get("etag"), `"2"`)
      })
    )

    it.effect("require an access token", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertUnauthenticated(yield* send("GET", path))
        for (const method of ["PUT", "PATCH"]) assertUnauthenticated(yield* send(method, path, { body: {} }))
      })
    )

    it.effect("are refused with all invalid fields at once; a text is no boolean and no number", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const boolean = ["Must be a valid boolean."]
        const clock = ["Enter a valid time: HH:MM or HH:MM:SS."]
        for (const value of ["true", 1, null, [], {}]) {
          assertInvalid(
            yield* update(access, Object.fromEntries(switches.map((name) => [name, value]))),
            Object.fromEntries(switches.map((name) => [name, boolean]))
          )
        }
        assertInvalid(
          yield* update(access, {
            push_enabled: "false",
            do_not_disturb_start: "9:00",
            do_not_disturb_end: 9,
            frequency_limit: "50"
          }),
          {
            push_enabled: boolean,
            do_not_disturb_start: clock,
            do_not_disturb_end: ["Must be a string."],
            frequency_limit: ["A valid number is required."]
          }
        )
      })
    )

    it.effect("have a frequency limit from 0 to 10,000, a whole number", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const frequency_limit of [0, 1, 10_000]) {
          assert.strictEqual(changed(yield* update(access, { frequency_limit })).frequency_limit, frequency_limit)
        }
        const range = ["Ensure this value is between 0 and 10000."]
        for (const frequency_limit of [-1, 10_001, 9_007_199_254_740_991]) {
          assertInvalid(yield* update(access, { frequency_limit }), { frequency_limit: range })
        }
        assertInvalid(yield* update(access, { frequency_limit: 1.5 }), {
          frequency_limit: ["A valid integer is required."]
        })
        for (const frequency_limit of ["1", null, true, []]) {
          assertInvalid(yield* update(access, { frequency_limit }), {
            frequency_limit: ["A valid number is required."]
          })
        }
        for (const number of ["1e400", "-1e400"]) {
          assert.strictEqual((yield* update(access, `{"frequency_limit":${number}}`)).status, 422)
        }
      })
    )
  })

  describe("the do-not-disturb window", () => {
    const window = (start: unknown, end: unknown) => ({ do_not_disturb_start: start, do_not_disturb_end: end })
    const timesOf = (preferences: Record<string, unknown>) => [
      preferences["do_not_disturb_start"],
      preferences["do_not_disturb_end"]
    ]

    it.effect("has two times of day, with or without seconds, and may include midnight", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const cases = [
          ["22:00", "07:30"],
          ["00:00:00", "23:59:59"],
          ["08:00:01", "08:00:00"]
        ]
        for (const [start = "", end = ""] of cases) {
          const preferences = changed(yield* update(access, window(start, end)))
          assert.deepStrictEqual(
            timesOf(preferences),
            [start, end].map((text) => text.padEnd(8, ":00"))
          )
          assert.deepStrictEqual(timesOf(found(yield* find(access))), timesOf(preferences))
        }
        assert.deepStrictEqual(timesOf(changed(yield* update(access, window(null, null)))), [null, null])
      })
    )

    it.effect("accepts no other form of a time", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const problem = ["Enter a valid time: HH:MM or HH:MM:SS."]
        for (const text of ["24:00", "12:60", "12:00:60", "7:00", "07:00Z", "07:00:00.5", "", "noon", "07:00\n"]) {
          assertInvalid(yield* update(access, window(text, text)), {
            do_not_disturb_start: problem,
            do_not_disturb_end: problem
          })
        }
      })
    )

    it.effect("has both ends or neither after the update", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const noEnd = { do_not_disturb_end: ["Required when a start is set."] }
        const noStart = { do_not_disturb_start: ["Required when an end is set."] }
        assertInvalid(yield* update(access, { do_not_disturb_start: "22:00" }), noEnd)
        assertInvalid(yield* update(access, { do_not_disturb_end: "07:00" }), noStart)
        assertInvalid(yield* update(access, window("22:00", null)), noEnd)
        changed(yield* update(access, window("22:00", "07:00")))
        assertInvalid(yield* update(access, { do_not_disturb_start: null }), noStart)
        assertInvalid(yield* update(access, { do_not_disturb_end: null }), noEnd)
        // One end alone is enough where the other stands.
        assert.deepStrictEqual(timesOf(changed(yield* update(access, { do_not_disturb_end: "06:00" }))), [
          "22:00:00",
          "06:00:00"
        ])
      })
    )

    it.effect("is never empty after the update, and a refusal changes nothing", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const equal = { do_not_disturb_end: ["Must differ from the start."] }
        assertInvalid(yield* update(access, window("22:00", "22:00:00")), equal)
        changed(yield* update(access, window("22:00", "07:00")))
        assertInvalid(yield* update(access, { do_not_disturb_start: "07:00", frequency_limit: 1 }), equal)
        const answer = yield* find(access)
        assert.strictEqual(answer.headers.get("etag"), `"2"`)
        assert.strictEqual(found(answer).frequency_limit, 50)
      })
    )
  })

  describe("If-Match on preferences", () => {
    it.effect("a stale tag is 412 with the current tag, and nothing changes", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        changed(yield* update(access, { frequency_limit: 1 }, `"1"`))
        for (const method of ["PUT", "PATCH"]) {
          assertStale(yield* update(access, { frequency_limit: 2 }, `"1"`, method), `"2"`)
        }
        assert.strictEqual(found(yield* find(access)).frequency_limit, 1)
      })
    )

    it.effect("one matching tag of a list is enough, and * matches any", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const tags of [`"1"`, `"7", "2"`, `"3" , W/"1","x"`, "*", ` * `, `"6","6"`]) {
          changed(yield* update(access, {}, tags))
        }
        assertStale(yield* update(access, {}, `"1", "2","3"`), `"7"`)
      })
    )

    it.effect("anything but a strong tag of this service matches nothing", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const tag of [`W/"1"`, "1", `"x"`, `""`, `"01x"`, `"01"`, `"-1"`, `"1`, `"99999999999999999999"`, "**"]) {
          assertStale(yield* update(access, {}, tag), `"1"`)
        }
      })
    )

    it.effect("of concurrent updates with the same tag exactly one succeeds", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const answers = yield* Effect.all(
          Array.from({ length: 10 }, (_, index) => update(access, { frequency_limit: index }, `"1"`)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [
          200,
          ...Array.from({ length: 9 }, () => 412)
        ])
        const winner = answers.findIndex(({ status }) => status === 200)
        assert.strictEqual(found(yield* find(access)).frequency_limit, winner)
      })
    )

    it.effect("a change is published with all settings and the version, a refused one is not", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        yield* update(access, { frequency_limit: 3 }, `"1"`)
        yield* update(access, { frequency_limit: 4 }, `"1"`)
        const told = yield* api.sql<{ readonly preferences: object }>`
          select payload->'preferences' as preferences from outbox
          where user_id = ${id} and event_type = 'PreferencesUpdated'`
        assert.strictEqual(told.length, 1)
        assert.deepInclude(told[0]?.preferences, { frequencyLimit: 3, version: 2, emailEnabled: true })
      })
    )
  })
  describe("If-None-Match on preferences", () => {
    const ask = (method: string, token: string, tags: string, more: Readonly<Record<string, string>> = {}, body = {}) =>
      Effect.flatMap(TestApi, ({ send }) =>
        send(method, path, {
          token,
          headers: { "if-none-match": tags, ...more },
          ...(method === "GET" || method === "HEAD" ? {} : { body })
        })
      )

    it.effect("a read of the same version is 304, with the tag and without a body", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        changed(yield* update(access, { frequency_limit: 1 }))
        for (const tags of [`"2"`, `W/"2"`, "*", ` * `, `"x", "1" ,W/"2"`]) {
          for (const method of ["GET", "HEAD"]) {
            const { headers, status, text } = yield* ask(method, access, tags)
            assert.deepStrictEqual([status, text, headers.get("etag")], [304, "", `"2"`], `${method} ${tags}`)
            assert.strictEqual(headers.get("content-type"), null)
            assert.isNotNull(headers.get("x-request-id"))
          }
        }
        changed(yield* update(access, { frequency_limit: 2 }))
        assert.strictEqual((yield* ask("GET", access, `"2"`)).status, 200)
      })
    )

    it.effect("a read of another version returns everything, and a token is required first", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const tags of [`"2"`, `"01"`, "1", `"1`, `w/"1"`, `"x"`, `""`, `"*"`, "**"]) {
          const answer = yield* ask("GET", access, tags)
          assert.strictEqual(answer.headers.get("etag"), `"1"`)
          found(answer)
        }
        assert.strictEqual((yield* ask("GET", "x", "*")).status, 401)
      })
    )

    it.effect("a write is 412 if it names the current version or any, and is executed otherwise", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const method of ["PUT", "PATCH"]) {
          for (const tags of ["*", `"1"`, `W/"1"`, `"7", "1"`]) {
            assertStale(yield* ask(method, access, tags, {}, { frequency_limit: 1 }), `"1"`)
            assertStale(yield* ask(method, access, tags, { "if-match": `"1"` }, { frequency_limit: 1 }), `"1"`)
            assertStale(yield* ask(method, access, tags, { "if-match": "*" }, { do_not_disturb_start: null }), `"1"`)
          }
        }
        assert.strictEqual(found(yield* find(access)).frequency_limit, 50)
        changed(yield* ask("PUT", access, `"2"`, {}, { frequency_limit: 3 }))
        changed(yield* ask("PATCH", access, `"1", "x"`, { "if-match": `"1", "2"` }, { do_not_disturb_start: null }))
        assert.strictEqual((yield* find(access)).headers.get("etag"), `"3"`)
      })
    )
  })
})
