import { assert, describe, it } from "@effect/vitest"
import { Effect, Struct } from "effect"
import { randomUUID } from "node:crypto"
import {
  assertFailure,
  assertInvalid,
  assertSuccess,
  assertUnauthenticated,
  pageOf,
  successData,
  time,
  uuidV7
} from "../Answers.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const path = "/api/v1/users/push-tokens/"
const listed = "Push tokens retrieved successfully"
const registeredMessage = "Push token registered successfully"
const updatedMessage = "Push token updated successfully"
const required = "This field is required."

const fresh = () => `token-${randomUUID()}`

const freshHex = () => randomUUID().replaceAll("-", "")

/** A new token of each type, in its normal form. */
const freshOf = {
  fcm: fresh,
  apns: freshHex,
  onesignal: () => randomUUID(),
  vapid: () =>
    JSON.stringify({
      endpoint: `https://push.example.com/${randomUUID()}`,
      keys: {
        p256dh: "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYcp7xM",
        auth: "tBHItJI5svbpez7KI4CCXg"
      }
    }),
  expo: () => `ExponentPushToken[${randomUUID()}]`
} as const
const respelled = (json: string) => {
  const { endpoint, keys } = JSON.parse(json)
  return JSON.stringify({ keys: { auth: keys.auth, p256dh: keys.p256dh }, expirationTime: null, endpoint }, null, 2)
}
const tokenTypes = Struct.keys(freshOf)

const register = (access: string, input: Readonly<Record<string, unknown>> = {}) =>
  Effect.flatMap(TestApi, ({ send }) =>
    send("POST", path, { token: access, body: { token: fresh(), platform: "web", ...input } })
  )

const created = (access: string, input: Readonly<Record<string, unknown>> = {}) =>
  Effect.map(register(access, input), (answer) => successData(answer, 201, registeredMessage))

const known = (access: string, input: Readonly<Record<string, unknown>>) =>
  Effect.map(register(access, input), (answer) => successData(answer, 200, registeredMessage))

const list = (access: string, query = "") =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", path + query, { token: access }))

const itemsOf = (access: string) => Effect.map(list(access, "?limit=100"), ({ body }) => body.data)

const find = (access: string, id: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("GET", `${path}${id}/`, { token: access }))

const update = (access: string, id: string, body: unknown, method = "PATCH") =>
  Effect.flatMap(TestApi, ({ send }) => send(method, `${path}${id}/`, { token: access, body }))

const remove = (access: string, id: string) =>
  Effect.flatMap(TestApi, ({ send }) => send("DELETE", `${path}${id}/`, { token: access }))

const countOf = (access: string) =>
  Effect.flatMap(TestApi, ({ send }) =>
    Effect.map(send("GET", "/api/v1/users/profile/", { token: access }), ({ body }) => body.data.push_tokens_count)
  )

/** What was told of the person's tokens: what happened, to which of them, and why. */
const told = ({ id }: Person) =>
  Effect.flatMap(TestApi, ({ sql }) =>
    Effect.map(
      sql<{ readonly type: string; readonly token: string; readonly reason: string | null }>`
        select event_type as type, payload->>'token' as token, payload->>'reason' as reason from outbox
        where user_id = ${id} and event_type like 'PushToken%' order by position`,
      (rows) => rows.map(({ reason, token, type }) => [type.slice(9), token, ...(reason === null ? [] : [reason])])
    )
  )

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("registering a push token", () => {
    it.effect("that is new is 201, and returns all but the token itself", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const token = fresh()
        const answer = yield* register(access, { token })
        const body = successData(answer, 201, registeredMessage)
        assert.match(body.id, uuidV7)
        assert.match(body.created_at, time)
        assert.deepStrictEqual(body, {
          id: body.id,
          platform: "web",
          token_type: "fcm",
          device_id: "",
          device_name: "",
          is_active: true,
          last_used: body.created_at,
          created_at: body.created_at,
          updated_at: body.created_at
        })
        assert.notInclude(answer.text, token)
        assert.strictEqual(yield* countOf(access), 1)
      })
    )

    it.effect("accepts every field, platform and type", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const platform of ["web", "android", "ios"]) {
          for (const token_type of tokenTypes) {
            const input = {
              platform,
              token_type,
              device_id: randomUUID(),
              device_name: "Ada's phone",
              is_active: false
            }
            assert.deepInclude(yield* created(access, { ...input, token: freshOf[token_type]() }), input)
          }
        }
        assert.strictEqual(yield* countOf(access), 0)
      })
    )

    it.effect("that is known is 200, and reactivates the same row", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const token = freshOf.expo()
        const first = yield* created(person.access, { token, device_id: "d", device_name: "n", token_type: "expo" })
        yield* update(person.access, first.id, { is_active: false })
        yield* api.pass("1 minute")
        const again = yield* known(person.access, { token })
        assert.deepInclude(again, {
          id: first.id,
          created_at: first.created_at,
          is_active: true,
          // What is not named stays as it is.
          device_id: "d",
          device_name: "n",
          token_type: "expo"
        })
        assert.isAtLeast(Date.parse(again.last_used) - Date.parse(first.last_used), 60_000)
        assert.strictEqual((yield* itemsOf(person.access)).length, 1)
        assert.deepStrictEqual(yield* told(person), [
          ["Added", token],
          ["Removed", token, "deactivated"],
          ["Added", token]
        ])
      })
    )

    it.effect("that is known and active publishes no event", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const token = fresh()
        yield* created(person.access, { token })
        yield* known(person.access, { token, device_name: "renamed" })
        assert.deepStrictEqual(yield* told(person), [["Added", token]])
      })
    )

    it.effect("binds it to this session: it is deactivated with this one, not with the previous one", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const other = yield* api.login(person)
        const token = fresh()
        yield* created(person.access, { token })
        yield* known(other.access, { token })
        const third = yield* api.login(person)
        yield* api.send("POST", "/api/v1/users/logout/", { token: person.access })
        assert.strictEqual(yield* countOf(third.access), 1)
        yield* api.send("POST", "/api/v1/users/logout/", { token: other.access })
        assert.strictEqual(yield* countOf(third.access), 0)
        assert.deepStrictEqual((yield* told(person)).at(-1), ["Removed", token, "logged_out"])
      })
    )

    it.effect("of another user moves it here, without the other user's device name", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const [before, after] = [yield* api.person(), yield* api.person()]
        const token = freshHex()
        const theirs = yield* created(before.access, {
          token,
          device_id: "d",
          device_name: "theirs",
          token_type: "apns"
        })
        const mine = yield* known(after.access, { token, platform: "ios" })
        assert.deepInclude(mine, {
          device_id: "",
          device_name: "",
          token_type: "fcm",
          platform: "ios",
          is_active: true
        })
        assert.deepStrictEqual(yield* itemsOf(before.access), [])
        assert.strictEqual((yield* find(before.access, theirs.id)).status, 404)
        assert.strictEqual(yield* countOf(before.access), 0)
        assert.strictEqual(yield* countOf(after.access), 1)
        assert.deepStrictEqual(yield* told(before), [
          ["Added", token],
          ["Removed", token, "transferred"]
        ])
        assert.deepStrictEqual(yield* told(after), [["Added", token]])
        // The old owner's logout is no longer its affair.
        yield* api.send("POST", "/api/v1/users/logout/", { token: before.access })
        assert.strictEqual(yield* countOf(after.access), 1)
      })
    )

    it.effect("that is new for a known device replaces the old one under the same id, with 200", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const [old, next] = [fresh(), fresh()]
        const device = { device_id: "phone", platform: "android" }
        const first = yield* created(person.access, { ...device, token: old, device_name: "n" })
        const second = yield* known(person.access, { ...device, token: next })
        assert.strictEqual(second.id, first.id)
        assert.strictEqual((yield* itemsOf(person.access)).length, 1)
        assert.deepStrictEqual(yield* told(person), [
          ["Added", old],
          ["Removed", old, "replaced"],
          ["Added", next]
        ])
        // The old one is forgotten.
        yield* created(person.access, { token: old })
      })
    )

    it.effect("distinguishes devices by user and platform", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        yield* created(access, { device_id: "a", platform: "android" })
        yield* created(access, { device_id: "a", platform: "ios" })
        yield* created(access, { device_id: "" })
        yield* created(access, { device_id: "" })
        yield* created((yield* api.person()).access, { device_id: "a", platform: "android" })
        assert.strictEqual((yield* itemsOf(access)).length, 4)
      })
    )

    it.effect("that is known, for another known device, leaves only the row of the device", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const token = fresh()
        const phone = yield* created(access, { device_id: "phone" })
        yield* created(access, { token, device_id: "tablet" })
        const moved = yield* known(access, { token, device_id: "phone" })
        assert.strictEqual(moved.id, phone.id)
        assert.deepStrictEqual(
          (yield* itemsOf(access)).map(({ id }: { id: string }) => id),
          [phone.id]
        )
      })
    )

    it.effect("beyond 20 active ones deletes the one unused for the longest time", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const tokens = Array.from({ length: 20 }, fresh)
        for (const token of tokens) {
          yield* api.pass("1 second")
          yield* created(person.access, { token, device_name: token })
        }
        yield* created(person.access, { is_active: false })
        yield* api.pass("1 second")
        // The oldest is used once more, so the second is the longest unused.
        yield* known(person.access, { token: tokens[0] })
        const newest = fresh()
        yield* created(person.access, { token: newest, device_name: newest })
        assert.strictEqual(yield* countOf(person.access), 20)
        const names = (yield* itemsOf(person.access)).map(({ device_name }: { device_name: string }) => device_name)
        assert.strictEqual(names.length, 21)
        assert.notInclude(names, tokens[1])
        assert.include(names, tokens[0])
        assert.deepStrictEqual((yield* told(person)).slice(-2), [
          ["Added", newest],
          ["Removed", tokens[1], "evicted"]
        ])
        // Silent ones do not count until they are live again.
        const silent = (yield* itemsOf(person.access)).find(({ is_active }: { is_active: boolean }) => !is_active)
        assert.strictEqual((yield* update(person.access, silent.id, { is_active: true })).status, 200)
        assert.strictEqual(yield* countOf(person.access), 20)
        assert.deepStrictEqual((yield* told(person)).at(-1), ["Removed", tokens[2], "evicted"])
        assert.strictEqual((yield* find(person.access, silent.id)).body.data.is_active, true)
      })
    )

    it.effect.each([
      [
        "apns",
        "lower case, upper case and groups",
        (a: string) => [a.toUpperCase(), `<${a.match(/.{8}/g)?.join(" ")}>`]
      ],
      ["onesignal", "upper case", (id: string) => [id.toUpperCase()]],
      ["vapid", "another order and spacing", (json: string) => [respelled(json)]]
    ] as const)("%s: in %s it is the same token", ([token_type, , spell]) =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const token = freshOf[token_type]()
        const { id } = yield* created(person.access, { token, token_type })
        for (const spelling of spell(token)) {
          assert.strictEqual((yield* known(person.access, { token: spelling, token_type })).id, id)
        }
        assert.strictEqual((yield* itemsOf(person.access)).length, 1)
        assert.deepStrictEqual(yield* told(person), [["Added", token]])
      })
    )

    it.effect("that is invalid for its type is 422 on the token, together with other problems", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const problems = {
          fcm: "An FCM token is printable ASCII without spaces.",
          apns: "An APNs token is hexadecimal, of 8 to 256 bytes.",
          onesignal: "A OneSignal subscription id is a UUID.",
          vapid: "A web-push subscription is JSON with an https endpoint and the keys p256dh and auth.",
          expo: "An Expo token is ExponentPushToken[...] or ExpoPushToken[...]."
        }
        for (const token_type of tokenTypes) {
          const token = "not hex at all"
          assertInvalid(yield* register(access, { token, token_type }), { token: [problems[token_type]] })
          assertInvalid(yield* register(access, { token, token_type, platform: "windows" }), {
            token: [problems[token_type]],
            platform: ["Must be one of: web, android, ios."]
          })
        }
        assertInvalid(yield* register(access, { token: "two words", is_active: 1 }), {
          token: [problems.fcm],
          is_active: ["Must be a valid boolean."]
        })
        assert.deepStrictEqual(yield* itemsOf(access), [])
        const { id } = yield* created(access)
        for (const method of ["PUT", "PATCH"]) {
          assertInvalid(yield* update(access, id, { token_type: "apns" }, method), { token_type: [problems.apns] })
        }
        const hex = freshHex()
        yield* created(access, { token: hex, token_type: "apns" })
        const { sql } = yield* TestApi
        yield* sql`update push_tokens set token = ${hex.toUpperCase()} where id = ${id}`
        assertInvalid(yield* update(access, id, { token_type: "apns" }), {
          token_type: ["This token is registered already under this type."]
        })
      })
    )

    it.effect("names every invalid field at once", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const send = (body: unknown) => api.send("POST", path, { token: access, body })
        const text = ["Must be a string."]
        const long = ["Ensure this field has no more than 255 characters."]
        assertInvalid(yield* send({}), { token: [required], platform: [required] })
        assertInvalid(
          yield* send({
            token: "x".repeat(4097),
            platform: "windows",
            token_type: "sms",
            device_id: "x".repeat(256),
            device_name: "x".repeat(256),
            is_active: "true"
          }),
          {
            token: ["Ensure this field has no more than 4096 characters."],
            platform: ["Must be one of: web, android, ios."],
            token_type: ["Must be one of: fcm, apns, onesignal, vapid, expo."],
            device_id: long,
            device_name: long,
            is_active: ["Must be a valid boolean."]
          }
        )
        assertInvalid(yield* send({ token: 1, platform: null, token_type: 1, device_id: null, device_name: [] }), {
          token: text,
          platform: ["Must be one of: web, android, ios."],
          token_type: ["Must be one of: fcm, apns, onesignal, vapid, expo."],
          device_id: text,
          device_name: text
        })
        for (const token of ["", " ", "\t\n"]) {
          assertInvalid(yield* send({ token, platform: "WEB" }), {
            token: ["This field may not be blank."],
            platform: ["Must be one of: web, android, ios."]
          })
        }
      })
    )

    it.effect("accepts texts up to their full length, in any script", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const token = fresh().padEnd(4096, "x")
        const input = { device_id: "é".repeat(255), device_name: "🙂".repeat(255) }
        assert.deepInclude(yield* created(access, { token, ...input }), input)
        yield* known(access, { token })
      })
    )

    it.effect("in many concurrent requests makes one row", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const token = fresh()
        const answers = yield* Effect.all(
          Array.from({ length: 8 }, () => register(access, { token })),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [
          ...Array.from({ length: 7 }, () => 200),
          201
        ])
        assert.strictEqual((yield* itemsOf(access)).length, 1)
      })
    )
  })

  describe("push tokens", () => {
    it.effect("are listed in pages, newest first, for their own user only", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        assert.deepStrictEqual(pageOf(yield* list(access), listed, {}), [])
        yield* created((yield* api.person()).access)
        for (let index = 0; index < 12; index++) {
          yield* api.pass("1 second")
          yield* created(access, { device_name: String(index) })
        }
        const names = (items: ReadonlyArray<{ device_name: string }>) => items.map(({ device_name }) => device_name)
        const counts = { total: 12, total_pages: 2 }
        const first = pageOf(yield* list(access), listed, { ...counts, has_next: true })
        assert.deepStrictEqual(names(first), ["11", "10", "9", "8", "7", "6", "5", "4", "3", "2"])
        const second = pageOf(yield* list(access, "?page=2"), listed, { ...counts, page: 2, has_previous: true })
        assert.deepStrictEqual(names(second), ["1", "0"])
        const all = pageOf(yield* list(access, "?limit=12"), listed, { total: 12, limit: 12, total_pages: 1 })
        assert.strictEqual(all.length, 12)
        const past = pageOf(yield* list(access, "?page=99&unknown=1"), listed, {
          ...counts,
          page: 99,
          has_previous: true
        })
        assert.deepStrictEqual(past, [])
      })
    )

    it.effect("an invalid page or limit is 422", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const bad of ["abc", "0", "-1", "1.5", "", "+1", " 1", "1 "]) {
          assertInvalid(yield* list(access, `?page=${encodeURIComponent(bad)}`), {
            page: ["Must be an integer of at least 1."]
          })
        }
        for (const bad of ["abc", "0", "101", "1000000", "-1", ""]) {
          assertInvalid(yield* list(access, `?limit=${bad}`), { limit: ["Must be an integer between 1 and 100."] })
        }
        for (const good of ["?page=1&limit=1", "?limit=100", "?"]) {
          assert.strictEqual((yield* list(access, good)).status, 200)
        }
      })
    )

    it.effect("are found by their id in any spelling", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const token = yield* created(access, { device_name: "n" })
        assertSuccess(yield* find(access, token.id), 200, "Push token retrieved successfully", token)
        assertSuccess(yield* find(access, token.id.toUpperCase()), 200, "Push token retrieved successfully", token)
      })
    )

    it.effect("are named in lower case by the audit log, whatever the spelling of the path", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        const token = yield* created(access)
        assert.strictEqual((yield* update(access, token.id.toUpperCase(), { device_name: "n" })).status, 200)
        const entries = yield* api.sql`
          select details->>'tokenId' as id from audit_log where user_id = ${id} and action = 'push_token.updated'`
        assert.deepStrictEqual(entries, [{ id: token.id }])
      })
    )

    it.effect("are updated in part by PUT and PATCH alike", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const method of ["PUT", "PATCH"]) {
          const before = yield* created(access, { token: freshHex() })
          const changes = { device_name: "n", device_id: randomUUID(), token_type: "apns", is_active: false }
          const after = successData(yield* update(access, before.id, changes, method), 200, updatedMessage)
          assert.deepStrictEqual(after, { ...before, ...changes, updated_at: after.updated_at })
          assert.isAtLeast(Date.parse(after.updated_at), Date.parse(before.updated_at))
          assert.deepStrictEqual((yield* find(access, before.id)).body.data, after)
          const same = successData(yield* update(access, before.id, {}, method), 200, updatedMessage)
          assert.deepInclude(same, changes)
        }
      })
    )

    it.effect("refuse a change of the token or its platform, even to the same value", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        const token = fresh()
        const { id } = yield* created(access, { token })
        const fixed = ["This field cannot be changed."]
        for (const method of ["PUT", "PATCH"]) {
          assertInvalid(yield* update(access, id, { token, platform: "web", device_name: "n" }, method), {
            token: fixed,
            platform: fixed
          })
          assertInvalid(yield* update(access, id, { token: null, device_name: 1 }, method), {
            token: fixed,
            device_name: ["Must be a string."]
          })
        }
        assert.strictEqual((yield* find(access, id)).body.data.device_name, "")
      })
    )

    it.effect("refuse the device of another token", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        yield* created(access, { device_id: "d" })
        const { id } = yield* created(access)
        assertInvalid(yield* update(access, id, { device_id: "d" }), {
          device_id: ["Another push token is registered for this device."]
        })
        const ios = yield* created(access, { platform: "ios" })
        assert.strictEqual((yield* update(access, ios.id, { device_id: "d" })).status, 200)
      })
    )

    it.effect("are deleted with 204 and no body", () =>
      Effect.gen(function* () {
        const person = yield* (yield* TestApi).person()
        const [live, silent] = [fresh(), fresh()]
        const { id } = yield* created(person.access, { token: live })
        const other = yield* created(person.access, { token: silent, is_active: false })
        const answer = yield* remove(person.access, id)
        assert.deepStrictEqual([answer.status, answer.text, answer.headers.get("content-type")], [204, "", null])
        assert.strictEqual((yield* remove(person.access, other.id)).status, 204)
        assertFailure(yield* remove(person.access, id), 404, "not_found", "Push token not found")
        assert.deepStrictEqual(yield* itemsOf(person.access), [])
        assert.strictEqual(yield* countOf(person.access), 0)
        // What was silent already is not told of.
        assert.deepStrictEqual(yield* told(person), [
          ["Added", live],
          ["Removed", live, "deleted"]
        ])
      })
    )

    it.effect("are all deactivated at once; the active ones are counted", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const stranger = yield* api.person()
        yield* created(stranger.access)
        for (const is_active of [true, false, true]) yield* created(person.access, { is_active })
        const deactivate = api.send("POST", `${path}deactivate_all/`, { token: person.access })
        const message = "Push tokens deactivated successfully"
        assertSuccess(yield* deactivate, 200, message, { deactivated_count: 2 })
        assertSuccess(yield* deactivate, 200, message, { deactivated_count: 0 })
        assert.strictEqual(yield* countOf(person.access), 0)
        assert.strictEqual(yield* countOf(stranger.access), 1)
        assert.strictEqual((yield* itemsOf(person.access)).length, 3)
      })
    )

    it.effect("answer another user's, an absent and a malformed id with the same bytes of 404, for every method", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const stranger = yield* api.person()
        const theirs = yield* created(stranger.access)
        const malformed = [
          "x",
          "1",
          "null",
          "%00",
          "%F0%9F%94%91",
          theirs.id.slice(1),
          `${theirs.id}0`,
          `{${theirs.id}}`,
          theirs.id.replaceAll("-", ""),
          "'; drop table users; --",
          "x".repeat(5000)
        ]
        for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
          const texts = new Set<string>()
          for (const id of [theirs.id, randomUUID(), ...malformed]) {
            const answer = yield* api.send(method, `${path}${encodeURI(id).replaceAll("%25", "%")}/`, {
              token: access,
              ...(method === "PUT" || method === "PATCH" ? { body: { device_name: "mine" } } : {})
            })
            assertFailure(answer, 404, "not_found", "Push token not found")
            texts.add(answer.text)
          }
          assert.strictEqual(texts.size, 1)
        }
        assert.deepStrictEqual(yield* itemsOf(stranger.access), [theirs])
      })
    )

    it.effect("are for who is logged in", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const id = randomUUID()
        for (const [method, at] of [
          ["GET", path],
          ["POST", path],
          ["POST", `${path}deactivate_all/`],
          ["GET", `${path}${id}/`],
          ["PUT", `${path}${id}/`],
          ["PATCH", `${path}${id}/`],
          ["DELETE", `${path}${id}/`]
        ] as const) {
          assertUnauthenticated(yield* send(method, at))
        }
      })
    )

    it.effect("are never shown in a response", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access } = yield* api.person()
        const token = fresh()
        const { id } = yield* created(access, { token })
        const answers = [
          yield* list(access),
          yield* find(access, id),
          yield* update(access, id, { device_name: "n" }),
          yield* update(access, id, { token }),
          yield* register(access, { token }),
          yield* register(access, { token, platform: "none" }),
          yield* api.send("GET", "/api/v1/users/profile/", { token: access })
        ]
        for (const answer of answers) assert.notInclude(answer.text, token)
        assert.notInclude(JSON.stringify(yield* api.log), token)
      })
    )
  })
})

describe("MAX_PUSH_TOKENS", () => {
  it.layer(layerEmbedded({ MAX_PUSH_TOKENS: "2" }), { excludeTestServices: true })((it) => {
    it.effect("is the limit", () =>
      Effect.gen(function* () {
        const { access } = yield* (yield* TestApi).person()
        for (const _ of [1, 2, 3]) yield* created(access)
        assert.strictEqual((yield* itemsOf(access)).length, 2)
      })
    )
  })
})
