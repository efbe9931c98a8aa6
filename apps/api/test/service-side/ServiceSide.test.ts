import { assert, describe, it } from "@effect/vitest"
import { DeliveryTimeOutOfReach, NotificationId } from "@user-service/domain/Delivery"
import { UserId, UserNotFound } from "@user-service/domain/User"
import type { StatusReportInput } from "@user-service/schema/Delivery"
import { LivePushToken } from "@user-service/schema/PushToken"
import { InternalError } from "@user-service/schema/rpc/UserServiceRpc"
import { DateTime, Duration, Effect, Redacted, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { assertFailure, successData } from "../Answers.ts"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"
import { client, gatewayKey, withGateway } from "./Callers.ts"

const key = { "x-api-key": gatewayKey }
const internal = "/internal/v1"
const absent = UserId.make(absentId)

const get = (path: string) => TestApi.use((api) => api.send("GET", `${internal}${path}`, { headers: key }))
const post = (path: string, body: unknown) =>
  TestApi.use((api) => api.send("POST", `${internal}${path}`, { headers: key, body }))

const decodeLiveToken = Schema.decodeUnknownSync(LivePushToken)

const freshId = () => NotificationId.make(randomUUID())

/** Registers a device of the person's; answers its token. */
const registerDevice = Effect.fnUntraced(function* ({ access }: Person, token = randomUUID().replaceAll("-", "")) {
  const api = yield* TestApi
  const body = { token, platform: "ios", token_type: "apns" }
  const answer = yield* api.send("POST", "/api/v1/users/push-tokens/", { token: access, body })
  return decodeLiveToken({ id: answer.body.data.id, ...body })
})

const invalidOf = (data: unknown) =>
  [422, "validation_failed", "Invalid input data", data, "Validation failed"] as const

describe("the service side, over RPC and over HTTP", () => {
  it.layer(layerEmbedded(withGateway), { excludeTestServices: true })((it) => {
    it.effect("describes a valid access token, and any other only as inactive", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const person = yield* api.person()
        const told = yield* rpc.IntrospectToken({ token: Redacted.make(person.access) })
        const data = successData(yield* post("/tokens/introspect", { token: person.access }), 200, "Token introspected")
        assert.deepStrictEqual(data, told)
        if (!told.active) return assert.fail("it is active")
        assert.deepStrictEqual(
          [told.sub, told.user_id, told.iss, told.aud, told.token_type, told.exp - told.iat],
          [person.id, person.id, "user-service", "user-service", "access", 3600]
        )
        const inactive = Effect.fnUntraced(function* (token: string) {
          assert.deepStrictEqual(yield* rpc.IntrospectToken({ token: Redacted.make(token) }), { active: false })
          const answer = yield* post("/tokens/introspect", { token })
          assert.deepStrictEqual(successData(answer, 200, "Token introspected"), { active: false })
        })
        for (const token of [person.refresh, "x", person.access.slice(0, -2), gatewayKey]) yield* inactive(token)
        yield* api.send("POST", "/api/v1/users/logout/", { token: person.access })
        yield* inactive(person.access)
        const { access } = yield* api.login(person)
        yield* api.pass(Duration.hours(1))
        yield* inactive(access)
      })
    )

    it.effect("returns a user as in the profile, also immediately after a change", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const { access, id } = yield* api.person()
        const own = (yield* api.send("GET", "/api/v1/users/profile/", { token: access })).body.data
        assert.deepStrictEqual(yield* rpc.GetUser({ user_id: UserId.make(id) }), own)
        assert.deepStrictEqual(successData(yield* get(`/users/${id}`), 200, "User retrieved successfully"), own)
        const capitals = successData(yield* get(`/users/${id.toUpperCase()}`), 200, "User retrieved successfully")
        assert.deepStrictEqual(capitals, own)
        yield* api.send("PATCH", "/api/v1/users/profile/", { token: access, body: { username: `u${id}` } })
        assert.strictEqual((yield* rpc.GetUser({ user_id: UserId.make(id) })).username, `u${id}`)
      })
    )

    it.effect("answers every request for an unknown user with not found", () =>
      Effect.gen(function* () {
        const rpc = yield* client()
        const user = { user_id: absent }
        assert.deepStrictEqual(yield* Effect.flip(rpc.GetUser(user)), new UserNotFound())
        assert.deepStrictEqual(yield* Effect.flip(rpc.GetPreferences(user)), new UserNotFound())
        assert.deepStrictEqual(yield* Effect.flip(rpc.GetPushTokens(user)), new UserNotFound())
        for (const id of [absentId, "batch", "x", "%00", "0", absentId.slice(1)]) {
          for (const path of ["", "/preferences", "/push-tokens"]) {
            assertFailure(yield* get(`/users/${id}${path}`), 404, "not_found", "User not found")
          }
        }
      })
    )

    it.effect("returns each of many users once, in the requested order, without unknown ones", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const people = yield* Effect.forEach([1, 2, 3], () => api.person())
        const ids = people.map(({ id }) => UserId.make(id)).toReversed()
        const asked = [...ids, absent, ...ids]
        // The first is in the cache, the others are not.
        yield* rpc.GetUser({ user_id: ids[0] ?? absent })
        for (let time = 0; time < 2; time++) {
          const users = yield* rpc.GetUsers({ user_ids: asked })
          assert.deepStrictEqual(
            users.map((user) => user.id),
            ids
          )
          const answer = yield* post("/users/batch", { user_ids: [...asked, ids[0]?.toUpperCase()] })
          assert.deepStrictEqual(successData(answer, 200, "Users retrieved successfully"), users)
        }
        assert.deepStrictEqual(yield* rpc.GetUsers({ user_ids: [] }), [])
        const tooMany = yield* post("/users/batch", { user_ids: Array.from({ length: 1001 }, () => absentId) })
        assertFailure(tooMany, ...invalidOf({ user_ids: ["Ensure this list has no more than 1000 items."] }))
        const malformed = yield* post("/users/batch", { user_ids: [absentId, "x", 1] })
        assertFailure(
          malformed,
          ...invalidOf({ user_ids: { "1": ["Must be a valid UUID."], "2": ["Must be a string."] } })
        )
      })
    )

    it.effect("returns preferences and active push tokens, including the tokens themselves", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const person = yield* api.person()
        const user = { user_id: UserId.make(person.id) }
        const own = (yield* api.send("GET", "/api/v1/users/preferences/", { token: person.access })).body.data
        assert.deepStrictEqual(yield* rpc.GetPreferences(user), own)
        const preferences = yield* get(`/users/${person.id}/preferences`)
        assert.deepStrictEqual(successData(preferences, 200, "Preferences retrieved successfully"), own)

        assert.deepStrictEqual(yield* rpc.GetPushTokens(user), [])
        const first = yield* registerDevice(person)
        const second = yield* registerDevice(person)
        const silent = yield* registerDevice(person)
        const path = `/api/v1/users/push-tokens/${silent.id}/`
        yield* api.send("PATCH", path, { token: person.access, body: { is_active: false } })
        const tokens = yield* rpc.GetPushTokens(user)
        assert.sameDeepMembers([...tokens], [first, second])
        const answer = yield* get(`/users/${person.id}/push-tokens`)
        assert.deepStrictEqual(successData(answer, 200, "Push tokens retrieved successfully"), tokens)
      })
    )

    it.effect("resolves deliveries in order, and records them under one id over both protocols", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const person = yield* api.person()
        const user_id = UserId.make(person.id)
        const device = yield* registerDevice(person)
        const notification_id = freshId()
        const deliveries = [
          { notification_id, user_id, channel: "email", category: "system" },
          { notification_id, user_id, channel: "push", category: "system" },
          { notification_id: freshId(), user_id, channel: "push", category: "marketing" },
          { notification_id: freshId(), user_id: absent, channel: "email", category: "security" }
        ] as const
        const resolved = yield* rpc.ResolveDeliveries({ deliveries })
        const answer = yield* post("/deliveries/resolve", { deliveries })
        assert.deepStrictEqual(successData(answer, 200, "Deliveries resolved"), resolved)
        const nothing = {
          rule: null,
          until: null,
          email: null,
          is_verified: false,
          push_tokens: [],
          preferences_version: 1
        }
        assert.deepStrictEqual(resolved, [
          { ...nothing, ...deliveries[0], decision: "allow", email: person.email },
          { ...nothing, ...deliveries[1], decision: "allow", push_tokens: [device] },
          { ...nothing, ...deliveries[2], decision: "deny", rule: "category_disabled" },
          { ...nothing, ...deliveries[3], decision: "deny", rule: "user_unknown", preferences_version: null }
        ])
        const rows = yield* Effect.orDie(
          api.sql`select channel from deliveries where notification_id = ${notification_id}`
        )
        assert.lengthOf(rows, 2)
        const [named] = yield* rpc.ResolveDeliveries({
          deliveries: [{ user_id, channel: "email", category: "system" }]
        })
        assert.match(named?.notification_id ?? "", /^[0-9a-f-]{36}$/)
      })
    )

    it.effect("returns until when a delivery is deferred, and the index of a time out of reach", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const person = yield* api.person()
        const quiet = { do_not_disturb_start: "22:00", do_not_disturb_end: "07:00" }
        yield* api.send("PATCH", "/api/v1/users/preferences/", { token: person.access, body: quiet })
        const delivery = { user_id: UserId.make(person.id), channel: "email", category: "system" } as const
        const tomorrow = DateTime.addDuration(DateTime.removeTime(yield* DateTime.now), Duration.days(1))
        const night = DateTime.addDuration(tomorrow, Duration.hours(23))
        const morning = DateTime.formatIso(DateTime.addDuration(tomorrow, Duration.hours(31)))
        const [deferred] = yield* rpc.ResolveDeliveries({ deliveries: [{ ...delivery, at: night }] })
        assert.deepStrictEqual(
          [deferred?.decision, deferred?.rule, deferred?.until],
          ["defer", "do_not_disturb", morning]
        )
        const at = DateTime.formatIso(night).replace("Z", "+00:00")
        const answer = yield* post("/deliveries/resolve", { deliveries: [{ ...delivery, at }] })
        assert.strictEqual(successData(answer, 200, "Deliveries resolved")[0].until, morning)

        const far = DateTime.addDuration(yield* DateTime.now, Duration.days(31))
        const late = [delivery, { ...delivery, at: far }]
        const error = yield* Effect.flip(rpc.ResolveDeliveries({ deliveries: late }))
        assert.deepStrictEqual(error, new DeliveryTimeOutOfReach({ indexes: [1] }))
        const refused = yield* post("/deliveries/resolve", {
          deliveries: [delivery, { ...delivery, at: DateTime.formatIso(far) }]
        })
        assertFailure(refused, ...invalidOf({ deliveries: { "1": { at: ["Must be within 30 days of now."] } } }))
      })
    )

    it.effect("reports all problems of deliveries and statuses at once, each by its index", () =>
      Effect.gen(function* () {
        const resolve = yield* post("/deliveries/resolve", {
          deliveries: [
            { user_id: "x", channel: "sms", category: "system" },
            { user_id: absentId, channel: "push", category: "system", at: "Jan 1 2026", notification_id: "" },
            { user_id: absentId, channel: "push", notification_id: "a\0" },
            { user_id: absentId, channel: "push", category: "system", at: "2026-11-31T00:00:00Z" }
          ]
        })
        assertFailure(
          resolve,
          ...invalidOf({
            deliveries: {
              "0": { user_id: ["Must be a valid UUID."], channel: ["Must be one of: email, push."] },
              "1": {
                at: ["Enter a valid time, as in RFC 3339."],
                notification_id: ["This field may not be blank."]
              },
              "2": { category: ["This field is required."], notification_id: ["Null characters are not allowed."] },
              "3": { at: ["Enter a valid time, as in RFC 3339."] }
            }
          })
        )
        const status = yield* post("/deliveries/status", {
          statuses: [
            { status: "lost", notification_id: "n", timestamp: "2026-11-24T24:00:00Z" },
            { notification_id: "n", status: "failed", error: "a\0b", error_code: 5, provider: "\ud800" }
          ]
        })
        assertFailure(
          status,
          ...invalidOf({
            statuses: {
              "0": {
                status: ["Must be one of: pending, sent, failed, delivered, opened, bounced, complained."],
                timestamp: ["Enter a valid time, as in RFC 3339."]
              },
              "1": {
                error: ["Null characters are not allowed."],
                error_code: ["Must be a string."],
                provider: ["Enter valid Unicode text."]
              }
            }
          })
        )
        const sent = { notification_id: "n", status: "sent" }
        const tooMany = yield* post("/deliveries/status", { statuses: Array.from({ length: 1001 }, () => sent) })
        assertFailure(tooMany, ...invalidOf({ statuses: ["Ensure this list has no more than 1000 items."] }))
      })
    )

    it.effect("returns an outcome for each status; a failure deactivates the device and refunds the daily limit", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const person = yield* api.person()
        const user_id = UserId.make(person.id)
        const body = { frequency_limit: 1 }
        yield* api.send("PATCH", "/api/v1/users/preferences/", { token: person.access, body })
        const { token } = yield* registerDevice(person)
        const kept = yield* registerDevice(person)
        const delivery = { user_id, channel: "push", category: "system" } as const
        const notification_id = freshId()
        const resolve = Effect.fnUntraced(function* (id: NotificationId) {
          const [first] = yield* rpc.ResolveDeliveries({ deliveries: [{ ...delivery, notification_id: id }] })
          return first
        })
        assert.strictEqual((yield* resolve(notification_id))?.decision, "allow")
        assert.strictEqual((yield* resolve(freshId()))?.rule, "frequency_limit")
        const statuses: ReadonlyArray<typeof StatusReportInput.Type> = [
          { notification_id, status: "failed", push_token: token, error_code: "Unregistered" },
          { notification_id, status: "sent" },
          { notification_id: freshId(), status: "sent" },
          { notification_id: freshId(), status: "sent", user_id: absent }
        ]
        const results = yield* rpc.ReportDeliveryStatus({ statuses })
        assert.deepStrictEqual(
          results.map(({ notification_id, outcome }) => [notification_id, outcome]),
          [
            [notification_id, "applied"],
            [notification_id, "unchanged"],
            [statuses[2]?.notification_id, "unknown_notification"],
            [statuses[3]?.notification_id, "user_erased"]
          ]
        )
        const again = yield* post("/deliveries/status", { statuses })
        assert.deepStrictEqual(
          successData(again, 200, "Statuses taken in").map((result: { readonly outcome: string }) => result.outcome),
          ["unchanged", "unchanged", "unknown_notification", "user_erased"]
        )
        const next = yield* resolve(freshId())
        assert.strictEqual(next?.decision, "allow")
        assert.deepStrictEqual(next?.push_tokens, [kept])
      })
    )

    it.effect("suppresses no address and no token for a delivery that was not resolved here", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        const person = yield* api.person()
        const device = yield* registerDevice(person)
        const user_id = UserId.make(person.id)
        const forge = (): ReadonlyArray<typeof StatusReportInput.Type> => [
          { notification_id: freshId(), status: "complained", channel: "email", user_id },
          { notification_id: freshId(), status: "bounced", bounce_type: "hard", user_id },
          { notification_id: freshId(), status: "failed", error_code: "UNREGISTERED", push_token_id: device.id }
        ]
        const byHttp = yield* post("/deliveries/status", { statuses: forge() })
        const byRpc = yield* rpc.ReportDeliveryStatus({ statuses: forge() })
        const outcomes = [...successData(byHttp, 200, "Statuses taken in"), ...byRpc]
        assert.deepStrictEqual(
          outcomes.map(({ outcome }) => outcome),
          Array.from({ length: 6 }, () => "applied")
        )
        const decided = yield* rpc.ResolveDeliveries({
          deliveries: (["email", "push"] as const).map((channel) => ({ user_id, channel, category: "security" }))
        })
        assert.deepStrictEqual(
          decided.map(({ decision }) => decision),
          ["allow", "allow"]
        )
        assert.deepStrictEqual(decided[1]?.push_tokens, [device])
      })
    )

    it.effect("fails a call that does not fit the schema before it is sent", () =>
      Effect.gen(function* () {
        const rpc = yield* client()
        const wrong = "x" as UserId
        const exit = yield* Effect.exit(rpc.GetUser({ user_id: wrong }))
        assert.strictEqual(exit._tag, "Failure")
      })
    )

    it.effect("answers a defect as an internal error without details", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const rpc = yield* client()
        yield* Effect.orDie(api.sql`alter table deliveries rename to elsewhere`)
        const deliveries = [
          { user_id: absent, channel: "email", category: "system", notification_id: freshId() }
        ] as const
        assert.deepStrictEqual(yield* Effect.flip(rpc.ResolveDeliveries({ deliveries })), new InternalError())
        const answer = yield* post("/deliveries/resolve", { deliveries })
        assertFailure(answer, 500, "internal_error", "An internal error occurred")
        yield* Effect.orDie(api.sql`alter table elsewhere rename to deliveries`)
        const told = (yield* api.log).filter((line) => line["level"] === "error" && line["request_id"] !== undefined)
        assert.isTrue(told.some((line) => line["message"] === "Unexpected error in a call"))
      })
    )
  })
})
