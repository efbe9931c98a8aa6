import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { assertInvalid, assertUnauthenticated, pageOf } from "../Answers.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/notifications/"
const message = "Notifications retrieved successfully"

const list = (token: string, query = "") => Effect.flatMap(TestApi, ({ send }) => send("GET", path + query, { token }))

/** Makes a delivery of the person's, this many minutes old; answers what its sender calls it. */
const deliver = Effect.fnUntraced(function* (
  { id }: Pick<Person, "id">,
  minutes: number,
  columns: Readonly<Record<string, unknown>> = {}
) {
  const { sql } = yield* TestApi
  const at = new Date(Date.UTC(2026, 10, 24, 12) - minutes * 60_000)
  const notificationId = `n-${randomUUID()}`
  yield* sql`insert into deliveries ${sql.insert({
    id: randomUUID(),
    notification_id: notificationId,
    place: 0,
    user_id: id,
    channel: "email",
    category: "system",
    status: "sent",
    created_at: at,
    updated_at: at,
    ...columns
  })}`
  return notificationId
})

const idsOf = (items: ReadonlyArray<{ readonly notification_id: string }>) =>
  items.map(({ notification_id }) => notification_id)

/** A new user without the delivery of the mail that verifies their address. */
const newPerson = Effect.gen(function* () {
  const { person, sql } = yield* TestApi
  const made = yield* person()
  yield* sql`delete from deliveries where user_id = ${made.id}`
  return made
})

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("the notifications of a user", () => {
    it.effect("are listed newest first, with all fields", () =>
      Effect.gen(function* () {
        const person = yield* newPerson
        const older = yield* deliver(person, 5)
        const id = randomUUID()
        const newer = yield* deliver(person, 1, {
          id,
          channel: "push",
          category: "marketing",
          status: "failed",
          error: "The device is gone",
          error_code: "UNREGISTERED",
          provider: "fcm",
          updated_at: new Date("2026-11-24T12:00:00.5Z")
        })
        const items = pageOf(yield* list(person.access), message, { total: 2, total_pages: 1 })
        assert.deepStrictEqual(idsOf(items), [newer, older])
        assert.deepStrictEqual(items[0], {
          id,
          notification_id: newer,
          channel: "push",
          category: "marketing",
          status: "failed",
          error: "The device is gone",
          error_code: "UNREGISTERED",
          provider: "fcm",
          created_at: "2026-11-24T11:59:00.000Z",
          updated_at: "2026-11-24T12:00:00.500Z"
        })
      })
    )

    it.effect("have no channel and no category if no sender named them", () =>
      Effect.gen(function* () {
        const person = yield* newPerson
        yield* deliver(person, 1, { channel: null, category: null })
        const [item] = pageOf(yield* list(person.access), message, { total: 1, total_pages: 1 })
        const { category, channel, error, error_code, provider } = item
        assert.deepStrictEqual([channel, category, error, error_code, provider], [null, null, null, null, null])
      })
    )

    it.effect("begin with the mail that verifies the address", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const [item] = pageOf(yield* list(access), message, { total: 1, total_pages: 1 })
        assert.deepStrictEqual([item.channel, item.category, item.status], ["email", "security", "pending"])
      })
    )

    it.effect("are only those of this user, and none without a delivery", () =>
      Effect.gen(function* () {
        const [person, stranger] = [yield* newPerson, yield* newPerson]
        const theirs = yield* deliver(stranger, 1)
        yield* deliver({ id: person.id }, 1, { user_id: null })
        for (const query of ["", "?channel=email", "?status=sent", "?channel=email&status=sent&limit=100"]) {
          assert.deepStrictEqual(pageOf(yield* list(person.access, query), message, pageLimit(query)), [])
        }
        const items = pageOf(yield* list(stranger.access), message, { total: 1, total_pages: 1 })
        assert.deepStrictEqual(idsOf(items), [theirs])
      })
    )

    it.effect("are filtered by channel and status", () =>
      Effect.gen(function* () {
        const person = yield* newPerson
        const mailed = yield* deliver(person, 4)
        const opened = yield* deliver(person, 3, { status: "opened" })
        const pushed = yield* deliver(person, 2, { channel: "push" })
        const unsaid = yield* deliver(person, 1, { channel: null, status: "opened" })
        const found = (query: string, ids: ReadonlyArray<string>) =>
          Effect.map(list(person.access, query), (answer) =>
            assert.deepStrictEqual(
              idsOf(pageOf(answer, message, { total: ids.length, total_pages: ids.length === 0 ? 0 : 1 })),
              ids,
              query
            )
          )
        yield* found("", [unsaid, pushed, opened, mailed])
        yield* found("?channel=email", [opened, mailed])
        yield* found("?channel=push", [pushed])
        yield* found("?status=opened", [unsaid, opened])
        yield* found("?channel=email&status=opened", [opened])
        yield* found("?channel=push&status=complained", [])
      })
    )

    it.effect("are paged, also when filtered; a page past the end is empty", () =>
      Effect.gen(function* () {
        const person = yield* newPerson
        const ids = yield* Effect.forEach([1, 2, 3, 4, 5], (minutes) => deliver(person, minutes))
        yield* deliver(person, 0, { channel: "push" })
        const counts = { total: 5, limit: 2, total_pages: 3 }
        const page = (number: number, meta: object) =>
          Effect.map(list(person.access, `?channel=email&limit=2&page=${number}`), (answer) =>
            idsOf(pageOf(answer, message, { ...counts, page: number, ...meta }))
          )
        assert.deepStrictEqual(yield* page(1, { has_next: true }), ids.slice(0, 2))
        assert.deepStrictEqual(yield* page(2, { has_next: true, has_previous: true }), ids.slice(2, 4))
        assert.deepStrictEqual(yield* page(3, { has_previous: true }), ids.slice(4))
        assert.deepStrictEqual(yield* page(4, { has_previous: true }), [])
      })
    )

    it.effect("an invalid filter is 422, together with all other invalid fields", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const channel = ["Must be one of: email, push."]
        const status = ["Must be one of: pending, sent, failed, delivered, opened, bounced, complained."]
        for (const bad of ["sms", "", "Email", "email,push", "%00"]) {
          assertInvalid(yield* list(access, `?channel=${bad}`), { channel })
        }
        for (const bad of ["unknown", "", "SENT"]) assertInvalid(yield* list(access, `?status=${bad}`), { status })
        assertInvalid(yield* list(access, "?channel=x&status=y&page=0&limit=101"), {
          channel,
          status,
          page: ["Must be an integer of at least 1."],
          limit: ["Must be an integer between 1 and 100."]
        })
      })
    )

    it.effect("a repeated filter is 422", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const { body, status } = yield* list(access, "?channel=email&channel=push")
        assert.deepStrictEqual([status, Object.keys(body.data)], [422, ["channel"]])
      })
    )

    it.effect("are the same without the trailing slash", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* newPerson
        yield* deliver(person, 1)
        const without = yield* api.send("GET", "/api/v1/users/notifications?channel=email", { token: person.access })
        assert.strictEqual(without.text, (yield* list(person.access, "?channel=email")).text)
        pageOf(without, message, { total: 1, total_pages: 1 })
      })
    )

    it.effect("require an access token", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        assertUnauthenticated(yield* send("GET", path))
      })
    )
  })
})

const pageLimit = (query: string) => (query.includes("limit=100") ? { limit: 100 } : {})
