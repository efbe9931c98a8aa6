import type { OutgoingMessage } from "@user-service/broker/Message"
import type { ExpectedNotification, ExpectedStatuses } from "@user-service/core/testing/Verdict"
import type { UserId } from "@user-service/domain/User"
import { Array, DateTime, Effect, Random } from "effect"
import { messageOf, newDevice, notificationOf, resolvedMail, type StatusBody } from "../deliveries/TestStatuses.ts"
import { newUser } from "../TestWork.ts"

/** The messages of a run, in random order, and their expected effects. */
export interface Population extends ExpectedStatuses {
  readonly messages: ReadonlyArray<OutgoingMessage>
}

const large = 10 * 1024 * 1024
const malformedShare = 50

const idOf = ({ messageId = "" }: OutgoingMessage): string => messageId

/** Makes `statuses` messages for the users. One in fifty is malformed, and `largeOnes` of those are large. */
export const make = Effect.fnUntraced(function* (users: ReadonlyArray<UserId>, statuses: number, largeOnes: number) {
  // Recent enough that no job treats the device as stale.
  const registeredAt = DateTime.formatIso(DateTime.subtract(yield* DateTime.now, { days: 1 }))
  const notifications: Array<ExpectedNotification> = []
  const messages: Array<OutgoingMessage> = []
  const gone: Array<string> = []
  const complained: Array<string> = []

  const add = (id: string, expected: string, bodies: ReadonlyArray<StatusBody>) => {
    const each = bodies.map((one) => messageOf(JSON.stringify(one)))
    messages.push(...each)
    notifications.push({ id, expected, messageIds: each.map(idOf) })
  }
  const makeOne = Effect.fnUntraced(function* (user: UserId, number: number) {
    const notification = notificationOf(user)
    if (number % 50 === 0) {
      const device = yield* newDevice(user, registeredAt)
      gone.push(device.id)
      const push = { ...notification, channel: "push" }
      const failed = { ...push, status: "failed", push_token: device.token, error_code: "UNREGISTERED" }
      return add(notification.notification_id, "failed", [failed, { ...push, status: "sent" }, failed])
    }
    if (number % 50 === 1) {
      const owner = yield* resolvedMail(yield* newUser)
      complained.push(owner.user_id)
      const complaint = { ...owner, channel: "email", status: "complained" }
      return add(owner.notification_id, "complained", [
        complaint,
        { ...owner, channel: "email", status: "sent" },
        complaint
      ])
    }
    return add(
      notification.notification_id,
      "opened",
      ["sent", "delivered", "opened", "sent"].map((status) => ({ ...notification, status }))
    )
  })

  const good = statuses - Math.floor(statuses / malformedShare)
  for (let number = 0; messages.length < good; number++) {
    const user = users[number % users.length]
    if (user !== undefined) yield* makeOne(user, number)
  }
  const malformed = Array.makeBy(Math.max(0, statuses - messages.length), (number) =>
    messageOf(number < largeOnes ? new Uint8Array(large).fill(number) : `no status ${number}`)
  )
  return {
    messages: yield* Random.shuffle([...messages, ...malformed]),
    notifications,
    malformed: malformed.map(idOf),
    gone,
    complained
  } satisfies Population
})
