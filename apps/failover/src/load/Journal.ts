import type { ExpectedNotification } from "@user-service/core/testing/Verdict"
import * as Verdict from "@user-service/core/testing/Verdict"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** An attempt to change the name of a user. Each attempt has its own name, since one without an answer may have been executed. */
export interface WriteAttempt {
  readonly user: string
  readonly name: string
  readonly startedAt: number
  readonly endedAt: number
  /** 200 is an acknowledgement, 4xx a refusal. With 503, 5xx or 0 (no answer) nobody knows whether it was executed. */
  readonly status: number
}

/** What the clients of a run did and saw. Times are in milliseconds since the epoch. */
export interface Journal {
  readonly writes: Array<WriteAttempt>
  /** Statuses whose publication RabbitMQ confirmed. */
  readonly statuses: Array<ExpectedNotification>
  /** Received events, in order. */
  readonly events: Array<{ readonly id: string; readonly receivedAt: number }>
  readonly sessions: SessionRecord
}

interface SessionRecord {
  /** Sessions whose end was acknowledged. */
  ended: number
  /** Requests with a token of such a session, a second or more after the acknowledgement. */
  checked: number
  /** Those of them that were accepted. */
  readonly accepted: Array<string>
}

export const makeJournal = (): Journal => ({
  writes: [],
  statuses: [],
  events: [],
  sessions: { ended: 0, checked: 0, accepted: [] }
})

/** The violations of a run. All are 0 if the service kept its promises. */
export interface Violations {
  /** Acknowledged writes that are not stored, confirmed statuses that are not stored, and rows whose event nobody received. */
  readonly lost: number
  /** Acknowledged writes and statuses that are stored twice. */
  readonly doubled: number
  /** Stored writes that were refused or never sent, and received events without a row. */
  readonly phantom: number
  /** Events that were received before an earlier one of the same user. */
  readonly outOfOrder: number
  /** Requests that were accepted a second or more after the end of their session. */
  readonly ended: number
}

const isAcknowledged = ({ status }: WriteAttempt) => status === 200
const isRefused = ({ status }: WriteAttempt) => status >= 400 && status < 500

export const acknowledgedWrites = ({ writes }: Journal) => writes.filter(isAcknowledged)

/** Compares the journal with what is stored. */
export const compare = Effect.fnUntraced(function* (journal: Journal) {
  const sql = yield* SqlClient.SqlClient
  const expected = { notifications: journal.statuses, malformed: [], gone: [], complained: [] }
  const pairs = acknowledgedWrites(journal).map(({ name, user }) => [user, name] as const)
  const verdict = yield* Verdict.of(expected, journal.events, pairs)
  const rows = yield* Effect.orDie(sql<{ key: string; times: number }>`
    select user_id || ' ' || (payload->'updatedFields'->>'firstName') as key, count(*)::int as times from outbox
    where payload->'updatedFields'->>'firstName' is not null group by 1`)
  const keyOf = ({ name, user }: WriteAttempt) => `${user} ${name}`
  const possible = new Set(journal.writes.filter((write) => !isRefused(write)).map(keyOf))
  return {
    lost: verdict.lost + verdict.rowsWithoutEvent,
    doubled: verdict.doubled + rows.filter(({ times }) => times > 1).length,
    phantom: verdict.eventsWithoutRow + rows.filter(({ key }) => !possible.has(key)).length,
    outOfOrder: verdict.inversions,
    ended: journal.sessions.accepted.length
  } satisfies Violations
})
