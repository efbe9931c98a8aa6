import { Passwords } from "@user-service/core/accounts/Passwords"
import type { UserId } from "@user-service/domain/User"
import { Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import type { ReceivedMail } from "../mails/ReceivedMails.ts"
import { type ReceivedEvent, userOf } from "../outbox/ReceivedEvents.ts"
import type { Acknowledged, Erased, Reset } from "./AccountActions.ts"

const countWhere = Effect.fnUntraced(function* (statement: Effect.Effect<ReadonlyArray<object>, unknown>) {
  return (yield* Effect.orDie(statement)).length
})

/** The reset was made once, and its password is the one that stands. */
const ofReset = Effect.fnUntraced(function* ({ confirmed, passwords, userId }: Reset) {
  const sql = yield* SqlClient.SqlClient
  const { verify } = yield* Passwords
  const differences: Array<string> = []
  if (confirmed.length > 1) differences.push(`${userId}: one token was accepted twice`)
  const audited = yield* countWhere(
    sql`select 1 from audit_log where user_id = ${userId} and action = 'user.password_reset'`
  )
  if (audited !== 1) differences.push(`${userId}: the password was reset ${audited} times`)
  const events = yield* countWhere(
    sql`select 1 from outbox where user_id = ${userId} and event_type = 'UserPasswordChanged'`
  )
  if (events !== 1) differences.push(`${userId}: ${events} events of a changed password`)
  const [row] = yield* Effect.orDie(sql<{ hash: string }>`select password_hash as hash from users where id = ${userId}`)
  const matching = yield* Effect.filter(passwords, (password) =>
    Effect.map(Effect.orDie(verify(Redacted.make(password), Option.fromNullishOr(row?.hash))), ({ matches }) => matches)
  )
  const [stands] = matching
  if (stands === undefined || (confirmed.length > 0 && !confirmed.includes(stands))) {
    differences.push(`${userId}: the password of a confirmed reset does not stand`)
  }
  return differences
})

/** Both switches are off, each with one entry in the history. */
const ofUnsubscribed = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const differences: Array<string> = []
  const off = yield* countWhere(sql`
    select 1 from notification_preferences where user_id = ${userId} and not email_marketing and not email_system`)
  if (off !== 1) differences.push(`${userId}: a switch is on again`)
  const history = yield* Effect.orDie(sql<{ changed: string }>`
    select changes::text as changed from preference_history where user_id = ${userId} and source = 'unsubscribe'`)
  for (const name of [/email_?marketing/i, /email_?system/i]) {
    const entries = history.filter(({ changed }) => name.test(changed)).length
    if (entries !== 1) differences.push(`${userId}: ${entries} entries of ${name.source} in the history`)
  }
  return differences
})

/** The tables whose rows may keep the id of an erased user. */
const keepsId = (table: string, row: string): boolean =>
  table === "audit_log" || table === "erasures" || (table === "outbox" && row.includes("UserDeleted"))

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/
const uuids = new RegExp(uuid, "g")

// Longer than any but the large messages, which contain nothing of a user.
const longestRow = 100_000

/** No row contains a canary of an erased user, or their id but for the record of the erasure. */
const ofTraces = Effect.fnUntraced(function* (erased: ReadonlyArray<Erased>) {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* Effect.orDie(sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`)
  // Looked up by the UUID that each of them contains, since there are many rows and many texts.
  const texts = Map.groupBy(
    erased.flatMap(({ canaries, userId }) => [userId, ...canaries]),
    (text) => uuid.exec(text)?.[0]
  )
  const userIds = new Set<string>(erased.map(({ userId }) => userId))
  const differences: Array<string> = []
  for (const { name } of tables) {
    const rows = yield* Effect.orDie(sql<{ row: string }>`
      select left(one::text, ${longestRow}) as row from ${sql(name)} as one`)
    for (const { row } of rows) {
      const left = [...new Set(row.match(uuids))]
        .flatMap((found) => texts.get(found) ?? [])
        .filter((text) => row.includes(text) && !(userIds.has(text) && keepsId(name, row)))
      differences.push(...left.map((text) => `${name}: ${text} is left in ${row}`))
    }
  }
  return differences
})

/** The erasure is complete, was published under one id, and statuses after it changed nothing. */
const ofErased = Effect.fnUntraced(function* (erased: Erased, received: ReadonlyArray<ReceivedEvent>) {
  const sql = yield* SqlClient.SqlClient
  const { lateMessages, lateNotifications, userId } = erased
  const differences: Array<string> = []
  const finished = yield* countWhere(sql`select 1 from erasures where user_id = ${userId} and finished_at is not null`)
  if (finished !== 1) differences.push(`${userId}: the erasure is not finished`)
  const published = received.filter((event) => event.routingKey === "user.deleted" && userOf(event) === userId)
  const ids = new Set(published.map(({ id }) => id))
  if (ids.size !== 1) differences.push(`${userId}: ${ids.size} ids of user.deleted`)
  const dead = yield* countWhere(sql`select 1 from dead_letters where message_id = any(${lateMessages}::text[])`)
  if (dead > 0) differences.push(`${userId}: ${dead} statuses after the erasure are dead letters`)
  const applied = yield* countWhere(sql`
    select 1 from deliveries where notification_id = any(${lateNotifications}::text[]) and status = 'opened'`)
  if (applied > 0) differences.push(`${userId}: ${applied} statuses after the erasure were applied`)
  return differences
})

/** Each mail of the outbox was received. */
const ofMails = Effect.fnUntraced(function* (mails: ReadonlyArray<ReceivedMail>) {
  const sql = yield* SqlClient.SqlClient
  const received = new Set(mails.map(({ id }) => id))
  const rows = yield* Effect.orDie(sql<{ id: string; type: string }>`select id, mail_type as type from mail_outbox`)
  return rows.filter(({ id }) => !received.has(id)).map(({ id, type }) => `${type} ${id} was not received`)
})

/** What differs from what was acknowledged to users, in words. Empty if nothing was lost or doubled. */
export const of = Effect.fnUntraced(function* (
  { erased, resets, unsubscribed }: Acknowledged,
  received: { readonly events: ReadonlyArray<ReceivedEvent>; readonly mails: ReadonlyArray<ReceivedMail> }
) {
  return [
    ...(yield* Effect.forEach(resets, ofReset)),
    ...(yield* Effect.forEach(unsubscribed, ofUnsubscribed)),
    ...(yield* Effect.forEach(erased, (one) => ofErased(one, received.events))),
    yield* ofTraces(erased),
    yield* ofMails(received.mails)
  ].flat()
})
