import { assert, describe, it } from "@effect/vitest"
import { DeliveryStatus, isHigher, NotificationId } from "@user-service/domain/Delivery"
import { Effect, Schema } from "effect"
import { accepts } from "./accepts.ts"

describe("the order of statuses", () => {
  it("is pending, sent, failed, delivered, opened, bounced, complained", () => {
    const order: ReadonlyArray<DeliveryStatus> = [
      "pending",
      "sent",
      "failed",
      "delivered",
      "opened",
      "bounced",
      "complained"
    ]
    for (const [low, status] of order.entries()) {
      for (const [high, other] of order.entries()) assert.strictEqual(isHigher(other, status), high > low)
    }
  })

  it.prop(
    "the highest status is kept, in any order and with any repetitions",
    [Schema.NonEmptyArray(DeliveryStatus), Schema.NonEmptyArray(DeliveryStatus)],
    ([some, more]) => {
      const last = (statuses: ReadonlyArray<DeliveryStatus>) =>
        statuses.reduce<DeliveryStatus>((standing, next) => (isHigher(next, standing) ? next : standing), "pending")
      assert.strictEqual(last([...some, ...more]), last([...more, ...some, ...more]))
    }
  )
})

describe("NotificationId", () => {
  it.effect.each(["a", "order-1/shipped", "0198c2f0-0000-7000-8000-000000000000", "📦".repeat(128)])(
    "%s is one",
    (id) =>
      Effect.gen(function* () {
        assert.isTrue(yield* accepts(NotificationId, id))
      })
  )

  it.effect.each(["", "a\0", "\ud800", "a".repeat(129)])("%j is refused", (id) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(NotificationId, id))
    })
  )
})
