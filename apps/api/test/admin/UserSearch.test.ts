import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertInvalid, time } from "../Answers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { staff } from "./Staff.ts"

const path = "/api/v1/admin/users/search/"

describe("the search of users", () => {
  it.layer(layerEmbedded())((it) => {
    it.effect("finds a user by each value that identifies them, and shows no secret", () =>
      Effect.gen(function* () {
        const { log, person, send, sql } = yield* TestApi
        const viewer = yield* staff("viewer")
        const token = `token-${randomUUID()}`
        const user = yield* person({ push_token: token, phone_number: "+49 30 99887766" })
        const [session] = yield* sql<{ id: string }>`select id::text from sessions where user_id = ${user.id}`
        for (const q of [user.email.toUpperCase(), user.id, token, session?.id, "+493099887766"]) {
          const { body, status, text } = yield* send("POST", path, { token: viewer.access, body: { q } })
          assert.strictEqual(status, 200)
          assert.deepInclude(body, { success: true, message: "Users retrieved successfully", error: null })
          assert.deepStrictEqual(body.meta, {
            total: 0,
            limit: 10,
            page: 1,
            total_pages: 0,
            has_next: false,
            has_previous: false,
            next_cursor: null
          })
          assert.lengthOf(body.data, 1)
          const { created_at, last_login, username, ...found } = body.data[0]
          assert.deepStrictEqual(found, {
            id: user.id,
            email: user.email,
            phone_number: "+49 30 99887766",
            role: null,
            is_active: true,
            is_verified: false,
            is_suppressed: false
          })
          assert.strictEqual(username, user.email.slice(0, user.email.indexOf("@")))
          assert.match(created_at, time)
          assert.isTrue(last_login === null || time.test(last_login))
          assert.notInclude(text, token)
        }
        assert.notInclude(JSON.stringify(yield* log), token)
      })
    )

    it.effect("pages through users by cursor, filtered and in the order of the request", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const { access } = yield* staff("viewer")
        const key = randomUUID()
        for (let n = 0; n < 5; n++) yield* person({ email: `${key}-${n}@example.com` })
        const emails: Array<string> = []
        let cursor: string | undefined
        do {
          const { body, status } = yield* send("POST", path, {
            token: access,
            body: { q: key, state: "unverified", sort: "-email", limit: 2, ...(cursor === undefined ? {} : { cursor }) }
          })
          assert.strictEqual(status, 200)
          for (const { email } of body.data) emails.push(email)
          cursor = body.meta.next_cursor ?? undefined
        } while (cursor !== undefined)
        assert.deepStrictEqual(
          emails,
          [4, 3, 2, 1, 0].map((n) => `${key}-${n}@example.com`)
        )
        const byRole = yield* send("POST", path, { token: access, body: { q: key, role: "admin" } })
        assert.deepStrictEqual(byRole.body.data, [])
      })
    )

    it.effect("answers 422 for each wrong field, and for the cursor of another search", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access } = yield* staff("viewer")
        const answer = yield* send("POST", path, {
          token: access,
          body: { q: "a\0", state: "new", role: "user", sort: "id", limit: 0, cursor: 1 }
        })
        assertInvalid(answer, {
          q: ["Null characters are not allowed."],
          state: ["Must be one of: active, disabled, unverified, suppressed."],
          role: ["Must be one of: viewer, support, admin."],
          sort: ["Must be one of: created_at, -created_at, last_login, -last_login, email, -email."],
          limit: ["Must be an integer between 1 and 100."],
          cursor: ["Must be a string."]
        })
        const first = yield* send("POST", path, { token: access, body: { limit: 1 } })
        const cursor: unknown = first.body.meta.next_cursor
        for (const body of [
          { limit: 1, cursor, sort: "email" },
          { limit: 1, cursor: "none" }
        ]) {
          const foreign = yield* send("POST", path, { token: access, body })
          assertInvalid(foreign, { cursor: ["Enter the next_cursor of a page of the same list."] })
        }
      })
    )
  })
})
