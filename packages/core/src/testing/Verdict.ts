import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

/** A notification, the messages that report its statuses, and its expected status. */
export interface ExpectedNotification {
  readonly id: string
  readonly expected: string
  readonly messageIds: ReadonlyArray<string>
}

/** The expected effects of status messages. */
export interface ExpectedStatuses {
  readonly notifications: ReadonlyArray<ExpectedNotification>
  /** The ids of the messages that must become dead letters. */
  readonly malformed: ReadonlyArray<string>
  /** Devices that are reported twice as unregistered. */
  readonly gone: ReadonlyArray<string>
  /** Users of whom a complaint is reported twice. */
  readonly complained: ReadonlyArray<string>
}

/** The violations of a run (decision 0048). All are 0 if nothing was lost and nothing was duplicated. */
export interface Verdict {
  /** Statuses that are neither stored nor dead letters, and acknowledged changes that are not stored. */
  readonly lost: number
  /** Duplicate rows, deactivations, suppressions and dead letters. */
  readonly doubled: number
  /** Events that were received before an earlier event of the same user. */
  readonly inversions: number
  readonly eventsWithoutRow: number
  readonly rowsWithoutEvent: number
}

/** The acknowledged changes, by user and name. */
export type AcknowledgedChanges = ReadonlyArray<readonly [user: string, name: string]>

const countOf = <A>(items: Iterable<A>, is: (item: A) => boolean): number => [...items].filter(is).length

/** The number of occurrences of each text. */
const countTexts = (texts: ReadonlyArray<string>): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(texts, (text) => text)].map(([text, all]) => [text, all.length]))

const column = Effect.fnUntraced(function* (statement: Effect.Effect<ReadonlyArray<object>, SqlError.SqlError>) {
  const rows = yield* Effect.orDie(statement)
  return rows.map((row) => Object.values(row).join(" "))
})

/** Compares the stored statuses with the expected ones. */
const ofStatuses = Effect.fnUntraced(function* (population: ExpectedStatuses) {
  const sql = yield* SqlClient.SqlClient
  const { complained, gone, malformed, notifications } = population
  const stored = yield* column(sql`select notification_id, status from deliveries`)
  const dead = countTexts(yield* column(sql`select message_id from dead_letters`))
  const removed = countTexts(
    yield* column(sql`select payload->>'tokenId' as id from outbox where event_type = 'PushTokenRemoved'`)
  )
  const audited = countTexts(
    yield* column(sql`
      select coalesce(details->>'tokenId', user_id::text) as id from audit_log
      where action in ('email.suppressed', 'push_token.unregistered')`)
  )
  const isStored = new Set(stored)
  const effects = [...gone.map((id) => removed.get(id)), ...[...gone, ...complained].map((id) => audited.get(id))]
  const isLost = ({ expected, id, messageIds }: ExpectedNotification) =>
    !isStored.has(`${id} ${expected}`) && !messageIds.some((messageId) => dead.has(messageId))
  return {
    lost:
      countOf(notifications, isLost) +
      countOf(malformed, (id) => !dead.has(id)) +
      countOf(effects, (times) => times === undefined),
    doubled:
      stored.length -
      new Set(stored.map((row) => row.split(" ")[0])).size +
      countOf(dead.values(), (times) => times > 1) +
      countOf(effects, (times = 0) => times > 1)
  }
})

/** Compares the rows of the events, in order, with the first delivery of each event. */
const ofEvents = Effect.fnUntraced(function* (
  received: ReadonlyArray<{ readonly id: string }>,
  changed: AcknowledgedChanges
) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.orDie(sql<{ id: string; user: string; name: string | null }>`
    select id, user_id as "user", payload->'updatedFields'->>'firstName' as name from outbox order by position`)
  const places = new Map(rows.map(({ id }, place) => [id, place]))
  const first = [...new Set(received.map(({ id }) => id))]
  const userOf = new Map(rows.map(({ id, user }) => [id, user]))
  const names = new Set(rows.map(({ name, user }) => `${user} ${name}`))
  let inversions = 0
  const latest = new Map<string, number>()
  for (const id of first) {
    const [user = "", place = -1] = [userOf.get(id), places.get(id)]
    if (place < (latest.get(user) ?? -1)) inversions++
    latest.set(user, Math.max(place, latest.get(user) ?? -1))
  }
  const isReceived = new Set(first)
  return {
    lost: countOf(changed, ([user, name]) => !names.has(`${user} ${name}`)),
    inversions,
    eventsWithoutRow: countOf(first, (id) => !places.has(id)),
    rowsWithoutEvent: countOf(rows, ({ id }) => !isReceived.has(id))
  }
})

export const of = Effect.fnUntraced(function* (
  population: ExpectedStatuses,
  received: ReadonlyArray<{ readonly id: string }>,
  changed: AcknowledgedChanges
) {
  const statuses = yield* ofStatuses(population)
  const events = yield* ofEvents(received, changed)
  return { ...events, lost: statuses.lost + events.lost, doubled: statuses.doubled } satisfies Verdict
})
