// The end of sessions of the console that nobody uses, as parts of statements (decision 0045).
import { DateTime, Duration } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import { consoleIdleTime } from "./SessionSettings.ts"

/** A condition: the session, a row of `sessions` with this alias, is one of the console that was not used for too long. */
export const isIdle = (sql: SqlClient.SqlClient, alias: string, now: DateTime.Utc): Statement.Fragment => {
  const idleSince = DateTime.toDate(DateTime.subtractDuration(now, consoleIdleTime))
  return sql`(${sql.literal(`${alias}.is_console and ${alias}.last_seen_at <=`)} ${idleSince})`
}

/** An expression over a row of `sessions` that is idle: when it became so. */
export const endOfIdle = `last_seen_at + interval '${Duration.toSeconds(consoleIdleTime)} seconds'`
