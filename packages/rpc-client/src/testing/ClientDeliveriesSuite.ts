import { assert, describe, type Vitest } from "@effect/vitest"
import { type Category, type Channel, NotificationId } from "@user-service/domain/Delivery"
import { PushTokenId } from "@user-service/domain/PushToken"
import { UserId } from "@user-service/domain/User"
import { DateTime, Effect } from "effect"
import { UserServiceClient } from "../UserServiceClient.ts"
import { People } from "./People.ts"

const client = UserServiceClient

const fresh = () => crypto.randomUUID()

const nobody = () => UserId.make(fresh())

const delivery = (user_id: UserId, channel: Channel, category: Category, id: string = fresh()) => ({
  notification_id: NotificationId.make(id),
  user_id,
  channel,
  category
})

/** The part of `ClientSuite` about deliveries. */
export const suite = (it: Vitest.MethodsNonLive<UserServiceClient | People>) => {
  describe("deliveries", () => {
    it.effect("what is allowed says where to", () =>
      Effect.gen(function* () {
        const token = fresh()
        const email = `${fresh()}@example.com`
        const { userId } = yield* People.use(({ add }) => add({ email, push_tokens: [{ token, platform: "web" }] }))
        const requests = [delivery(userId, "email", "system"), delivery(userId, "push", "security")]
        const [mail, push] = yield* client.use(({ resolveDeliveries }) => resolveDeliveries(requests))
        assert.strictEqual(mail?.decision, "allow")
        assert.strictEqual(mail?.rule, null)
        assert.strictEqual(mail?.email, email)
        assert.deepStrictEqual(mail?.push_tokens, [])
        assert.strictEqual(push?.email, null)
        assert.strictEqual(String(push?.push_tokens[0]?.token), token)
        assert.isNumber(push?.preferences_version)
      })
    )

    it.effect("the first rule that applies decides", () =>
      Effect.gen(function* () {
        const { add } = yield* People
        const plain = yield* add()
        const off = yield* add({ preferences: { email_enabled: false, push_enabled: false } })
        const decided = yield* client.use(({ resolveDeliveries }) =>
          resolveDeliveries([
            delivery(nobody(), "email", "security"),
            delivery(off.userId, "email", "security"),
            delivery(plain.userId, "push", "marketing"),
            delivery(plain.userId, "push", "system"),
            delivery(plain.userId, "email", "marketing")
          ])
        )
        assert.deepStrictEqual(
          decided.map(({ decision, rule }) => [decision, rule]),
          [
            ["deny", "user_unknown"],
            ["deny", "channel_disabled"],
            ["deny", "category_disabled"],
            ["deny", "no_address"],
            ["allow", null]
          ]
        )
      })
    )

    it.effect("in the quiet hours a delivery waits for their end, unless it is about security", () =>
      Effect.gen(function* () {
        const preferences = { do_not_disturb_start: "22:00", do_not_disturb_end: "07:00" }
        const { userId } = yield* People.use(({ add }) => add({ preferences }))
        const midnight = DateTime.startOf(DateTime.add(yield* DateTime.now, { days: 1 }), "day")
        const [system, security] = yield* client.use(({ resolveDeliveries }) =>
          resolveDeliveries([
            { ...delivery(userId, "email", "system"), at: midnight },
            { ...delivery(userId, "email", "security"), at: midnight }
          ])
        )
        assert.deepStrictEqual([system?.decision, system?.rule], ["defer", "do_not_disturb"])
        assert.strictEqual(system?.until, DateTime.formatIso(DateTime.add(midnight, { hours: 7 })))
        assert.strictEqual(security?.decision, "allow")
      })
    )

    it.effect("a day brings as many as the user wants, a notification counting once, until one fails", () =>
      Effect.gen(function* () {
        const { userId } = yield* People.use(({ add }) => add({ preferences: { frequency_limit: 2 } }))
        const { reportDeliveryStatuses, resolveDeliveries } = yield* client
        const [a, b, c] = [fresh(), fresh(), fresh()]
        const rules = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
          const decided = yield* resolveDeliveries(ids.map((id) => delivery(userId, "email", "system", id)))
          return decided.map(({ decision, rule }) => rule ?? decision)
        })
        assert.deepStrictEqual(yield* rules([a, a, b, c, a]), ["allow", "allow", "allow", "frequency_limit", "allow"])
        yield* reportDeliveryStatuses([{ notification_id: NotificationId.make(a), status: "failed" }])
        assert.deepStrictEqual(yield* rules([c, a]), ["allow", "frequency_limit"])
      })
    )

    it.effect("a token that its push service does not know any more is left out of the next", () =>
      Effect.gen(function* () {
        const [dead, live] = [fresh(), fresh()]
        const push_tokens = [dead, live].map((token) => ({ token, platform: "android" as const }))
        const { userId } = yield* People.use(({ add }) => add({ push_tokens }))
        const { reportDeliveryStatuses, resolveDelivery } = yield* client
        const request = delivery(userId, "push", "system")
        const first = yield* resolveDelivery(request)
        const gone = first.push_tokens.find(({ token }) => token === dead)
        const results = yield* reportDeliveryStatuses([
          {
            notification_id: request.notification_id,
            status: "failed",
            error_code: "UNREGISTERED",
            push_token_id: PushTokenId.make(gone?.id ?? "")
          }
        ])
        assert.deepStrictEqual(results, [{ notification_id: request.notification_id, outcome: "applied" }])
        const next = yield* resolveDelivery(delivery(userId, "push", "system"))
        assert.deepStrictEqual(
          next.push_tokens.map(({ token }) => String(token)),
          [live]
        )
      })
    )

    it.effect("an address that bounces for good is not written to again", () =>
      Effect.gen(function* () {
        const { userId } = yield* People.use(({ add }) => add())
        const { reportDeliveryStatuses, resolveDelivery } = yield* client
        const request = delivery(userId, "email", "system")
        yield* resolveDelivery(request)
        yield* reportDeliveryStatuses([
          { notification_id: request.notification_id, status: "bounced", bounce_type: "hard" }
        ])
        assert.strictEqual((yield* resolveDelivery(delivery(userId, "email", "security"))).rule, "suppressed")
      })
    )

    it.effect("a status of what was not resolved is recorded, and ends no address and no token", () =>
      Effect.gen(function* () {
        const token = fresh()
        const { userId } = yield* People.use(({ add }) => add({ push_tokens: [{ token, platform: "android" }] }))
        const { getPushTokens, reportDeliveryStatuses, resolveDelivery } = yield* client
        const [live] = yield* getPushTokens(userId)
        const outcomes = yield* reportDeliveryStatuses([
          {
            notification_id: NotificationId.make(fresh()),
            user_id: userId,
            status: "complained",
            channel: "email"
          },
          {
            notification_id: NotificationId.make(fresh()),
            user_id: userId,
            status: "failed",
            error_code: "UNREGISTERED",
            push_token_id: PushTokenId.make(live?.id ?? "")
          }
        ])
        assert.deepStrictEqual(
          outcomes.map(({ outcome }) => outcome),
          ["applied", "applied"]
        )
        assert.isNull((yield* resolveDelivery(delivery(userId, "email", "security"))).rule)
        assert.isNull((yield* resolveDelivery(delivery(userId, "push", "security"))).rule)
      })
    )

    it.effect("each status is answered by what became of it", () =>
      Effect.gen(function* () {
        const { add } = yield* People
        const [a, b] = [yield* add(), yield* add()]
        const { reportDeliveryStatuses, resolveDelivery } = yield* client
        const { notification_id } = yield* resolveDelivery(delivery(a.userId, "email", "system"))
        const unknown = NotificationId.make(fresh())
        const outcomes = yield* reportDeliveryStatuses([
          { notification_id, status: "delivered" },
          { notification_id, status: "sent" },
          { notification_id, status: "opened", user_id: b.userId },
          { notification_id: unknown, status: "sent" },
          { notification_id: unknown, status: "sent", user_id: nobody() },
          { notification_id: unknown, status: "sent", user_id: b.userId }
        ])
        assert.deepStrictEqual(
          outcomes.map(({ outcome }) => outcome),
          ["applied", "unchanged", "user_mismatch", "unknown_notification", "user_erased", "applied"]
        )
      })
    )

    it.effect("a notification of another user's is refused", () =>
      Effect.gen(function* () {
        const { add } = yield* People
        const [a, b] = [yield* add(), yield* add()]
        const { resolveDelivery } = yield* client
        const request = delivery(a.userId, "email", "system")
        yield* resolveDelivery(request)
        assert.strictEqual((yield* resolveDelivery({ ...request, user_id: b.userId })).rule, "user_mismatch")
      })
    )

    it.effect("one that is too far off fails by itself, and spoils no others of its tick", () =>
      Effect.gen(function* () {
        const { userId } = yield* People.use(({ add }) => add())
        const { resolveDelivery } = yield* client
        const late = { ...delivery(userId, "email", "system"), at: DateTime.add(yield* DateTime.now, { days: 31 }) }
        const [ok, refused] = yield* Effect.all(
          [resolveDelivery(delivery(userId, "email", "system")), Effect.flip(resolveDelivery(late))],
          { concurrency: "unbounded" }
        )
        assert.strictEqual(ok.decision, "allow")
        assert.strictEqual(refused._tag, "DeliveryTimeOutOfReach")
      })
    )

    it.effect("a notification without a name gets one", () =>
      Effect.gen(function* () {
        const { userId } = yield* People.use(({ add }) => add())
        const { notification_id: _, ...unnamed } = delivery(userId, "email", "system")
        const { resolveDeliveries } = yield* client
        const [a, b] = yield* resolveDeliveries([unnamed, unnamed])
        assert.match(a?.notification_id ?? "", /^[0-9a-f-]{36}$/)
        assert.notStrictEqual(a?.notification_id, b?.notification_id)
      })
    )
  })
}
