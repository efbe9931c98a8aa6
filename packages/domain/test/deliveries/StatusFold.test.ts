import { assert, describe, it } from "@effect/vitest"
import { type DeliveryState, fold, type ReceivedReport } from "@user-service/domain/deliveries/StatusFold"
import { Channel, DeliveryId, DeliveryStatus, NotificationId } from "@user-service/domain/Delivery"
import { UserId } from "@user-service/domain/User"
import { DateTime, Schema } from "effect"
import { randomUUID } from "node:crypto"

const now = DateTime.makeUnsafe("2026-01-01T12:00:00Z")
const userId = UserId.make(randomUUID())
const notificationId = NotificationId.make("n")

const row = (channel: Channel, place: number): DeliveryState => ({
  id: DeliveryId.make(randomUUID()),
  isNew: false,
  notificationId,
  place,
  userId,
  channel,
  isResolved: true,
  status: "pending",
  newStatuses: [],
  bounce: null,
  error: null,
  errorCode: null,
  provider: null,
  chargedOn: place === 0 ? "2026-01-01" : null,
  isCharged: place === 0,
  createdAt: now,
  updatedAt: now
})

/** A notification over both channels, charged to a day. */
const known = [row("email", 0), row("push", 1)]

const Told = Schema.Struct({
  status: DeliveryStatus,
  channel: Schema.NullOr(Channel),
  bounceType: Schema.NullOr(Schema.Literals(["hard", "soft"])),
  weight: Schema.Int
})

const received = ({ bounceType, channel, status }: typeof Told.Type): ReceivedReport => ({
  id: DeliveryId.make(randomUUID()),
  notificationId,
  status,
  at: now,
  tokenHashes: [],
  ...(channel === null ? {} : { channel }),
  ...(bounceType === null ? {} : { bounceType })
})

/** The rows after the batches, one after the other. */
const after = (batches: ReadonlyArray<ReadonlyArray<typeof Told.Type>>) => {
  let rows: ReadonlyArray<DeliveryState> = known
  for (const batch of batches) {
    const folded = fold(batch.map(received), rows, new Set(), now)
    rows = rows.map((row) => folded.rows.find(({ id }) => id === row.id) ?? row)
  }
  return rows.map(({ bounce, channel, isCharged, status }) => ({ bounce, channel, isCharged, status }))
}

describe("fold", () => {
  it.prop(
    "reports come to the same in any order, in any batches and told twice",
    [Schema.Array(Told)],
    ([told]) => {
      const shuffled = told.toSorted((a, b) => a.weight - b.weight)
      const expected = after([told])
      assert.deepStrictEqual(after([shuffled]), expected)
      assert.deepStrictEqual(after(told.map((one) => [one])), expected)
      assert.deepStrictEqual(after([told, shuffled, told.slice(0, 1)]), expected)
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "the charge stands unless all channels have failed",
    [Schema.Array(Told)],
    ([told]) => {
      const rows = after([told])
      const isCharged = rows.some((one) => one.isCharged)
      assert.strictEqual(isCharged, !rows.every((one) => one.status === "failed"))
    },
    { arbitrary: { runs: 500 } }
  )
})
