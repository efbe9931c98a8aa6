import { Cache } from "@user-service/cache/Cache"
import type { Quotas } from "@user-service/cache/Quotas"
import { Deliveries, type DeliveryRequest, type Resolution } from "@user-service/core/deliveries/Deliveries"
import { DeliveriesRepo } from "@user-service/core/deliveries/DeliveriesRepo"
import { DeliveryExplanations } from "@user-service/core/deliveries/DeliveryExplanations"
import { DeliveryStatuses } from "@user-service/core/deliveries/DeliveryStatuses"
import { Storage } from "@user-service/database/Storage"
import { NotificationId, type StatusReport } from "@user-service/domain/Delivery"
import { DeviceToken, PushTokenId, type TokenType } from "@user-service/domain/PushToken"
import { UserId } from "@user-service/domain/User"
import { Keys } from "@user-service/security/Keys"
import { UnsubscribeTokens } from "@user-service/security/UnsubscribeTokens"
import { Array, DateTime, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { createHash, randomUUID } from "node:crypto"
import * as TestSettings from "../TestSettings.ts"

/** What one process has: the deliveries, over a database and quotas of whichever kind. */
export const layerOver = <A, E, F>(database: Layer.Layer<SqlClient.SqlClient | A, E>, quotas: Layer.Layer<Quotas, F>) =>
  Layer.mergeAll(Deliveries.layer, DeliveriesRepo.layer, DeliveryExplanations.layer, DeliveryStatuses.layer).pipe(
    Layer.provideMerge([Storage.layer, Cache.layerMemory, SecureRandom.layerWebCrypto, Digest.layerWebCrypto]),
    Layer.provideMerge(Layer.provide(UnsubscribeTokens.layer, Keys.layerMemory)),
    Layer.provide(TestSettings.layer()),
    Layer.provideMerge([database, quotas])
  )

export interface Person {
  readonly isActive?: boolean
  readonly isVerified?: boolean
  readonly timezone?: string
  /** Columns of their preferences that are not as a new user's. */
  readonly preferences?: Readonly<Record<string, unknown>>
}

/** Users that nothing was ever sent to. */
export const people = Effect.fnUntraced(function* (count: number, person: Person = {}) {
  const sql = yield* SqlClient.SqlClient
  const now = DateTime.toDate(yield* DateTime.now)
  const times = { created_at: now, updated_at: now }
  const { isActive = true, isVerified = false, preferences = {}, timezone = "UTC" } = person
  const ids = Array.makeBy(count, () => UserId.make(randomUUID()))
  const rows = (row: (id: UserId) => Record<string, unknown>) =>
    sql.insert(Array.map(ids, (id) => ({ ...row(id), ...times })))
  yield* sql`insert into users ${rows((id) => ({
    id,
    email: `${id}@example.com`,
    username: id,
    password_hash: "",
    is_active: isActive,
    is_verified: isVerified
  }))}`
  yield* sql`insert into profiles ${rows((id) => ({ user_id: id, id: randomUUID(), timezone }))}`
  yield* sql`insert into notification_preferences ${rows((id) => ({ user_id: id, id: randomUUID(), ...preferences }))}`
  return ids
})

export const somebody = (person: Person = {}) => Effect.map(people(1, person), ([id]) => id)

/** A device of the user's, registered at this time. */
export const registerDevice = Effect.fnUntraced(function* (
  userId: UserId,
  options: {
    readonly token?: string
    readonly tokenType?: TokenType
    readonly isActive?: boolean
    readonly at?: DateTime.Utc
  } = {}
) {
  const sql = yield* SqlClient.SqlClient
  const id = PushTokenId.make(randomUUID())
  const at = DateTime.toDate(options.at ?? (yield* DateTime.now))
  const token = DeviceToken.make(options.token ?? `token-${id}`)
  yield* sql`insert into push_tokens ${sql.insert({
    id,
    user_id: userId,
    token,
    token_sha256: new Uint8Array(createHash("sha256").update(token).digest()),
    platform: "android",
    token_type: options.tokenType ?? "fcm",
    is_active: options.isActive ?? true,
    last_used_at: at,
    created_at: at,
    updated_at: at
  })}`
  return { id, token }
})

/** A notification's id that nobody used before. */
export const freshId = (): NotificationId => NotificationId.make(randomUUID())

/** An e-mail of the system's to the user, now. */
export const mail = (userId: UserId, more: Partial<DeliveryRequest> = {}): DeliveryRequest => ({
  userId,
  channel: "email",
  category: "system",
  ...more
})

export const resolve = (...requests: ReadonlyArray<DeliveryRequest>) =>
  Deliveries.use((deliveries) => deliveries.resolve(requests))

export const resolveOne = (request: DeliveryRequest) =>
  Effect.map(resolve(request), ([resolution]) => {
    if (resolution === undefined) throw new Error("No answer")
    return resolution
  })

export const report = (...reports: ReadonlyArray<StatusReport>) =>
  DeliveryStatuses.use((statuses) => statuses.report(reports))

/** What is decided and why, in a word or two. */
export const wordOf = ({ decision, rule }: Resolution): string => (rule === null ? decision : `${decision} ${rule}`)

export const words = (...requests: ReadonlyArray<DeliveryRequest>) =>
  Effect.map(resolve(...requests), (resolutions) => resolutions.map(wordOf))

/** All of the user's deliveries, newest first. */
export const deliveriesOf = (userId: UserId) =>
  Effect.map(
    Deliveries.use((deliveries) => deliveries.page(userId, {}, { page: 1, limit: 1000 })),
    ({ items }) => items
  )

const basisColumns = `preferences_version::int as version, frequency_limit as "limit", charged_count as charged, utc_offset as "utcOffset"`

/** The recorded decisions on a notification: those of its deliveries, and those that no delivery records. */
export const recordsOf = Effect.fnUntraced(function* (notificationId: NotificationId) {
  const sql = yield* SqlClient.SqlClient
  const columns = sql.literal(basisColumns)
  const allowed = yield* sql`
    select channel, ${columns} from deliveries
    where notification_id = ${notificationId} and decided_at is not null order by place`
  const decisions = yield* sql`
    select channel, decision, rule, ${columns} from delivery_decisions
    where notification_id = ${notificationId} order by channel, decision`
  return { allowed, decisions }
})

/** How many notifications the user's days are charged with. */
export const chargesOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`
    select distinct notification_id from deliveries where user_id = ${userId} and is_charged`
  return rows.length
})

/** How many of these are allowed when each is a call of its own and all are made at once. */
export const allowedAtOnce = (requests: ReadonlyArray<DeliveryRequest>) =>
  Effect.map(
    Effect.forEach(requests, resolveOne, { concurrency: "unbounded" }),
    (resolutions) => resolutions.filter((resolution) => resolution.decision === "allow").length
  )
