import { assert, describe, it } from "@effect/vitest"
import { DeliveryRule } from "@user-service/domain/Delivery"
import { DateTime, Effect } from "effect"
import { randomUUID } from "node:crypto"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { staff } from "./Staff.ts"

const serviceKey = "a-key-of-a-service-0123456789abcdefghijkl"

const whyPath = (id: string, query: string) => `/api/v1/admin/users/${id}/why/?${query}`
const deliveriesPath = (notificationId: string) =>
  `/api/v1/admin/deliveries/?notification_id=${encodeURIComponent(notificationId)}`

const resolve = Effect.fnUntraced(function* (delivery: Readonly<Record<string, unknown>>) {
  const { send } = yield* TestApi
  const answer = yield* send("POST", "/internal/v1/deliveries/resolve", {
    headers: { "x-api-key": serviceKey },
    body: { deliveries: [delivery] }
  })
  assert.strictEqual(answer.status, 200)
  return answer.body.data[0]
})

describe("why a user did not get a notification", () => {
  it.layer(layerEmbedded({ SERVICE_API_KEYS: `gateway:${serviceKey}` }))((it) => {
    it.effect("is explained by all rules in order, with their values and the next step", () =>
      Effect.gen(function* () {
        const { clock, person, send } = yield* TestApi
        const viewer = yield* staff("viewer")
        const user = yield* person({ push_token: "a-secret-device-token" })
        yield* send("PATCH", "/api/v1/users/preferences/", { token: user.access, body: { email_marketing: false } })
        const { body, status } = yield* send("GET", whyPath(user.id, "channel=email&category=marketing"), {
          token: viewer.access
        })
        assert.strictEqual(status, 200)
        const { at, checks, decided_at: decidedAt, next_step: nextStep, ...decision } = body.data
        assert.deepStrictEqual(decision, {
          channel: "email",
          category: "marketing",
          decision: "deny",
          rule: "category_disabled",
          until: null,
          preferences_version: 2
        })
        assert.strictEqual(at, decidedAt)
        assert.match(
          nextStep,
          /^The user switched off marketing e-mails on .*\. The user can switch them on, or a member of staff, if the user asks for it\.$/u
        )
        assert.deepStrictEqual(
          checks.map(({ rule }: { rule: string }) => rule),
          [...DeliveryRule.literals]
        )
        assert.deepStrictEqual(checks[3], {
          rule: "category_disabled",
          passed: false,
          facts: [{ name: "email_marketing", value: false }],
          until: null
        })
        assert.isNull(checks[4].passed)
        const today = DateTime.formatIsoDateUtc(DateTime.makeUnsafe(clock.currentTimeMillisUnsafe()))
        const push = yield* send("GET", whyPath(user.id, `channel=push&category=system&at=${today}T10:00:00%2B01:00`), {
          token: viewer.access
        })
        assert.strictEqual(push.body.data.decision, "allow")
        assert.strictEqual(push.body.data.at, `${today}T09:00:00.000Z`)
        assert.deepStrictEqual(push.body.data.checks[5].facts, [{ name: "push_tokens", value: 1 }])
        assert.notInclude(push.text, "a-secret-device-token")
      })
    )

    it.effect("is answered for the id of a user who does not exist, and 404 for a malformed one", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access: token } = yield* staff("viewer")
        const absent = yield* send("GET", whyPath(absentId, "channel=email&category=system"), { token })
        assert.deepStrictEqual([absent.status, absent.body.data.rule], [200, "user_unknown"])
        const malformed = yield* send("GET", whyPath("x", "channel=email&category=system"), { token })
        assert.deepStrictEqual([malformed.status, malformed.body.code], [404, "not_found"])
      })
    )

    it.effect("requires a channel, a category and a valid time", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access: token } = yield* staff("viewer")
        const missing = yield* send("GET", whyPath(absentId, "at=yesterday"), { token })
        assert.strictEqual(missing.status, 422)
        assert.sameMembers(Object.keys(missing.body.data), ["channel", "category", "at"])
        assert.deepStrictEqual(missing.body.data.channel, ["This field is required."])
        const unnamed = yield* send("GET", "/api/v1/admin/deliveries/", { token })
        assert.deepStrictEqual(unnamed.body.data, { notification_id: ["This field is required."] })
        const long = yield* send("GET", deliveriesPath("n".repeat(129)), { token })
        assert.strictEqual(long.status, 422)
      })
    )

    it.effect("is answered for the times that senders may ask for, and no others", () =>
      Effect.gen(function* () {
        const { clock, send } = yield* TestApi
        const { access: token } = yield* staff("viewer")
        const now = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
        const explain = (days: number, minutes: number) => {
          const at = DateTime.formatIso(DateTime.add(now, { days, minutes }))
          return send("GET", whyPath(absentId, `channel=email&category=system&at=${at}`), { token })
        }
        for (const sign of [1, -1]) {
          assert.strictEqual((yield* explain(30 * sign, -10 * sign)).status, 200)
          const refused = yield* explain(30 * sign, 10 * sign)
          assert.strictEqual(refused.status, 422)
          assert.deepStrictEqual(refused.body.data, { at: ["Must be within 30 days of now."] })
        }
      })
    )

    it.effect("is answered as it was decided, after the user changed the preferences", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const viewer = yield* staff("viewer")
        const user = yield* person()
        const set = (body: Readonly<Record<string, unknown>>) =>
          send("PATCH", "/api/v1/users/preferences/", { token: user.access, body })
        yield* set({ email_marketing: false })
        const notification = `newsletter/${randomUUID()}?&`
        const delivery = { notification_id: notification, user_id: user.id, channel: "email", category: "marketing" }
        assert.strictEqual((yield* resolve(delivery)).rule, "category_disabled")
        yield* set({ email_marketing: true })
        const { body, status } = yield* send("GET", deliveriesPath(notification), { token: viewer.access })
        assert.strictEqual(status, 200)
        assert.strictEqual(body.data.notification_id, notification)
        const [refused, ...others] = body.data.deliveries
        assert.lengthOf(others, 0)
        assert.deepStrictEqual(
          [refused.user_id, refused.channel, refused.delivery, refused.decisions.length],
          [user.id, "email", null, 1]
        )
        const [decision] = refused.decisions
        assert.deepStrictEqual([decision.rule, decision.preferences_version], ["category_disabled", 2])
        assert.deepStrictEqual(decision.checks[3].facts, [{ name: "email_marketing", value: false }])
        assert.match(
          refused.next_step,
          /If it were sent now, no rule would prevent it: the sender can resolve and send it again\.$/u
        )

        assert.strictEqual((yield* resolve(delivery)).decision, "allow")
        yield* send("POST", "/internal/v1/deliveries/status", {
          headers: { "x-api-key": serviceKey },
          body: { statuses: [{ notification_id: notification, status: "delivered", provider: "ses" }] }
        })
        const sent = yield* send("GET", deliveriesPath(notification), { token: viewer.access })
        const [{ decisions, delivery: stored, next_step: nextStep, statuses }] = sent.body.data.deliveries
        assert.deepStrictEqual(statuses, [{ status: "delivered", at: stored.updated_at }])
        assert.deepStrictEqual(
          decisions.map(({ rule }: { rule: string | null }) => rule),
          [null, "category_disabled"]
        )
        assert.deepStrictEqual([stored.status, stored.provider], ["delivered", "ses"])
        assert.match(nextStep, /^It was delivered by ses, as reported at /u)
      })
    )

    it.effect("is an empty list for an unknown notification", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const { access: token } = yield* staff("viewer")
        const { body } = yield* send("GET", deliveriesPath("nobody-knows"), { token })
        assert.deepStrictEqual(body.data, { notification_id: "nobody-knows", deliveries: [] })
      })
    )
  })
})
