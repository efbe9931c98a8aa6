import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Told } from "../outbox/Told.ts"
import type { Population } from "./Population.ts"

/** What is not as it must be: all of these are 0 where nothing is lost and nothing doubled. */
export interface Verdict {
  /** Statuses that are neither stored nor dead letters, and changes that were acknowledged and are not there. */
  readonly lost: number
  /** What was done twice: rows, deactivations, suppressions, dead letters. */
  readonly doubled: number
  /** Events that came before one of the same user that happened earlier. */
  readonly inversions: number
  readonly eventsWithoutRow: number
  readonly rowsWithoutEvent: number
}

/** Changes that were acknowledged: by user and name. */
export type Changed = ReadonlyArray<readonly [user: string, name: string]>

const countOf = <A>(items: Iterable<A>, is: (item: A) => boolean): number => [...items].filter(is).length

/** How often each of the texts is there. */
const tally = (texts: ReadonlyArray<string>): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(texts, (text) => text)].map(([text, all]) => [text, all.length]))

const column = Effect.fnUntraced(function* (statement: Effect.Effect<ReadonlyArray<object>, unknown>) {
  const rows = yield* Effect.orDie(statement)
  return rows.map((row) => Object.values(row).join(" "))
})

/** What became of the statuses, message by message. */
const ofStatuses = Effect.fnUntraced(function* (population: Population) {
  const sql = yield* SqlClient.SqlClient
  const { complained, gone, malformed, notifications } = population
  const stored = yield* column(sql`select notification_id, status from deliveries`)
  const dead = tally(yield* column(sql`select message_id from dead_letters`))
  const removed = tally(
    yield* column(sql`select payload->>'tokenId' as id from outbox where event_type = 'PushTokenRemoved'`)
  )
  const audited = tally(
    yield* column(sql`
      select coalesce(details->>'tokenId', user_id::text) as id from audit_log
      where action in ('email.suppressed', 'push_token.unregistered')`)
  )
  const isStored = new Set(stored)
  const effects = [...gone.map((id) => removed.get(id)), ...[...gone, ...complained].map((id) => audited.get(id))]
  const isLost = ({ expected, id, messageIds }: Population["notifications"][number]) =>
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

/** What became of the events: their rows in the order they happened, against what was told first. */
const ofEvents = Effect.fnUntraced(function* (told: ReadonlyArray<Told>, changed: Changed) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.orDie(sql<{ id: string; user: string; name: string | null }>`
    select id, user_id as "user", payload->'updatedFields'->>'firstName' as name from outbox order by position`)
  const places = new Map(rows.map(({ id }, place) => [id, place]))
  const first = [...new Set(told.map(({ id }) => id))]
  const userOf = new Map(rows.map(({ id, user }) => [id, user]))
  const names = new Set(rows.map(({ name, user }) => `${user} ${name}`))
  let inversions = 0
  const latest = new Map<string, number>()
  for (const id of first) {
    const [user = "", place = -1] = [userOf.get(id), places.get(id)]
    if (place < (latest.get(user) ?? -1)) inversions++
    latest.set(user, Math.max(place, latest.get(user) ?? -1))
  }
  const isTold = new Set(first)
  return {
    lost: countOf(changed, ([user, name]) => !names.has(`${user} ${name}`)),
    inversions,
    eventsWithoutRow: countOf(first, (id) => !places.has(id)),
    rowsWithoutEvent: countOf(rows, ({ id }) => !isTold.has(id))
  }
})

export const of = Effect.fnUntraced(function* (population: Population, told: ReadonlyArray<Told>, changed: Changed) {
  const statuses = yield* ofStatuses(population)
  const events = yield* ofEvents(told, changed)
  return { ...events, lost: statuses.lost + events.lost, doubled: statuses.doubled } satisfies Verdict
})
