import { Broker } from "@user-service/broker/Broker"
import type { Headers, OutgoingMessage } from "@user-service/broker/Message"
import { consumer } from "@user-service/broker/testing/Fresh"
import { deadStatusQueue, notificationStatus, statusQueue } from "@user-service/broker/Topology"
import type { UserId } from "@user-service/domain/User"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { createHash, randomUUID } from "node:crypto"

/** What a sender says of a notification, as it goes over the wire. */
export type Said = Readonly<Record<string, unknown>>

const encoder = new TextEncoder()

/** A message of the body as it is. */
export const messageOf = (body: string | Uint8Array, headers: Headers = {}): OutgoingMessage => ({
  exchange: notificationStatus.name,
  routingKey: "notification.status.test",
  body: typeof body === "string" ? encoder.encode(body) : body,
  contentType: "application/json",
  messageId: randomUUID(),
  persistent: true,
  mandatory: true,
  headers
})

/** Publishes all of them; fails where one is not confirmed. */
export const publish = Effect.fnUntraced(function* (...messages: ReadonlyArray<OutgoingMessage>) {
  const broker = yield* Broker
  const outcomes = yield* broker.publishAll(messages)
  const other = outcomes.filter((outcome) => outcome !== "confirmed")
  if (other.length > 0) return yield* Effect.fail(`Not confirmed: ${other.join(", ")}`)
})

export const tell = (...all: ReadonlyArray<Said>) => publish(...all.map((said) => messageOf(JSON.stringify(said))))

/** A notification nobody told of before, of this user. */
export const notificationOf = (user: UserId) => ({ notification_id: randomUUID(), user_id: user })

/** The statuses of the notifications, by their ids. */
export const statusesOf = (ids: ReadonlyArray<string>) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql<{ id: string; status: string }>`
        select notification_id as id, status from deliveries where notification_id = any(${ids}::text[])`,
      (rows) => new Map(rows.map(({ id, status }) => [id, status]))
    )
  )

export const statusOf = (id: string) => Effect.map(statusesOf([id]), (statuses) => statuses.get(id))

/** An e-mail to the user that was allowed here. */
export const resolvedMail = Effect.fnUntraced(function* (user: UserId) {
  const sql = yield* SqlClient.SqlClient
  const notification = notificationOf(user)
  yield* sql`
    insert into deliveries (id, notification_id, place, user_id, channel, category, status, email_sha256, created_at,
      updated_at)
    select gen_random_uuid(), ${notification.notification_id}, 0, id, 'email', 'system', 'pending',
      sha256(convert_to(email, 'UTF8')), now(), now()
    from users where id = ${user}`
  return notification
})

/** A device of the user's that was registered at this time. */
export const newDevice = Effect.fnUntraced(function* (user: UserId, registeredAt: string) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  const at = new Date(registeredAt)
  yield* sql`
    insert into push_tokens ${sql.insert({
      id,
      user_id: user,
      token: `token-${id}`,
      token_sha256: new Uint8Array(createHash("sha256").update(`token-${id}`).digest()),
      platform: "android",
      token_type: "fcm",
      last_used_at: at,
      created_at: at,
      updated_at: at
    })}`
  return { id, token: `token-${id}` }
})

export const isLive = (deviceId: string) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql<{ live: boolean }>`select is_active as live from push_tokens where id = ${deviceId}`,
      ([row]) => row?.live
    )
  )

/** What waits in the queue for nobody else. */
const restOf = Effect.fnUntraced(function* (queue: string) {
  const broker = yield* Broker
  return yield* consumer(broker, queue)
})
export const statusesLeft = restOf(statusQueue.name)
export const deadLetters = restOf(deadStatusQueue.name)
