import { Broker } from "@user-service/broker/Broker"
import type { Headers, OutgoingMessage } from "@user-service/broker/Message"
import { consumer } from "@user-service/broker/testing/Fresh"
import { deadStatusQueue, notificationStatus, statusQueue } from "@user-service/broker/Topology"
import type { UserId } from "@user-service/domain/User"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { createHash, randomUUID } from "node:crypto"

/** The body of a status message, in its wire format. */
export type StatusBody = Readonly<Record<string, unknown>>

const encoder = new TextEncoder()

/** A status message with the given body, unencoded. */
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

/** Publishes the messages. Fails if one is not confirmed. */
export const publish = Effect.fnUntraced(function* (...messages: ReadonlyArray<OutgoingMessage>) {
  const broker = yield* Broker
  const outcomes = yield* broker.publishAll(messages)
  const other = outcomes.filter((outcome) => outcome !== "confirmed")
  if (other.length > 0) return yield* Effect.fail(`Not confirmed: ${other.join(", ")}`)
})

export const reportStatuses = (...bodies: ReadonlyArray<StatusBody>) =>
  publish(...bodies.map((body) => messageOf(JSON.stringify(body))))

/** The ids of a new notification of the user. */
export const notificationOf = (user: UserId) => ({ notification_id: randomUUID(), user_id: user })

/** The stored statuses of the notifications by id. */
export const statusesOf = (ids: ReadonlyArray<string>) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql<{ id: string; status: string }>`
        select notification_id as id, status from deliveries where notification_id = any(${ids}::text[])`,
      (rows) => new Map(rows.map(({ id, status }) => [id, status]))
    )
  )

export const statusOf = (id: string) => Effect.map(statusesOf([id]), (statuses) => statuses.get(id))

/** Inserts a resolved e-mail delivery of the user. */
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

/** Inserts a push token of the user, registered at the given time. */
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

/** Consumes the messages that remain in the queue. */
const restOf = Effect.fnUntraced(function* (queue: string) {
  const broker = yield* Broker
  return yield* consumer(broker, queue)
})
export const remainingStatuses = restOf(statusQueue.name)
export const deadLetters = restOf(deadStatusQueue.name)
