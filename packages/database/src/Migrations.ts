import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import { direct } from "./DirectSql.ts"
import * as EmailCanonicals from "./EmailCanonicals.ts"
import users from "./migrations/0001_users.ts"
import sessions from "./migrations/0002_sessions.ts"
import pushTokens from "./migrations/0003_push_tokens.ts"
import outbox from "./migrations/0004_outbox.ts"
import auditLog from "./migrations/0005_audit_log.ts"
import deliveries from "./migrations/0006_deliveries.ts"
import stalePushTokens from "./migrations/0007_stale_push_tokens.ts"
import outboxSetAside from "./migrations/0008_outbox_set_aside.ts"
import deadLetters from "./migrations/0009_dead_letters.ts"
import loginAddressesAge from "./migrations/0010_login_addresses_age.ts"
import auditPartitions from "./migrations/0011_audit_partitions.ts"
import orderedIds from "./migrations/0012_ordered_ids.ts"
import emailCanonical from "./migrations/0013_email_canonical.ts"
import sessionReasons from "./migrations/0014_session_reasons.ts"
import passwordSchemes from "./migrations/0015_password_schemes.ts"
import mailOutbox from "./migrations/0016_mail_outbox.ts"
import oneTimeTokens from "./migrations/0017_one_time_tokens.ts"
import knownNetworks from "./migrations/0018_known_networks.ts"
import failedLogins from "./migrations/0019_failed_logins.ts"
import idempotencyKeys from "./migrations/0020_idempotency_keys.ts"
import preferenceHistory from "./migrations/0021_preference_history.ts"
import erasures from "./migrations/0022_erasures.ts"
import mailOutboxTurns from "./migrations/0023_mail_outbox_turns.ts"
import passwordResetRequestsByAddress from "./migrations/0024_password_reset_requests_by_address.ts"
import userRoles from "./migrations/0025_user_roles.ts"
import originsHiddenBefore from "./migrations/0026_origins_hidden_before.ts"
import consoleSessions from "./migrations/0027_console_sessions.ts"
import staffSearch from "./migrations/0028_staff_search.ts"
import deliveryDecisions from "./migrations/0029_delivery_decisions.ts"
import deadLetterReplays from "./migrations/0030_dead_letter_replays.ts"
import sessionCutoff from "./migrations/0031_session_cutoff.ts"
import deliveryStatuses from "./migrations/0032_delivery_statuses.ts"
import activityMinutes from "./migrations/0033_activity_minutes.ts"
import deliveryDecisionsOfUsers from "./migrations/0034_delivery_decisions_of_users.ts"

/** All migrations by file name. Forward only: never edit a migration that is on the main branch. */
export const migrations = {
  "0001_users": users,
  "0002_sessions": sessions,
  "0003_push_tokens": pushTokens,
  "0004_outbox": outbox,
  "0005_audit_log": auditLog,
  "0006_deliveries": deliveries,
  "0007_stale_push_tokens": stalePushTokens,
  "0008_outbox_set_aside": outboxSetAside,
  "0009_dead_letters": deadLetters,
  "0010_login_addresses_age": loginAddressesAge,
  "0011_audit_partitions": auditPartitions,
  "0012_ordered_ids": orderedIds,
  "0013_email_canonical": emailCanonical,
  "0014_session_reasons": sessionReasons,
  "0015_password_schemes": passwordSchemes,
  "0016_mail_outbox": mailOutbox,
  "0017_one_time_tokens": oneTimeTokens,
  "0018_known_networks": knownNetworks,
  "0019_failed_logins": failedLogins,
  "0020_idempotency_keys": idempotencyKeys,
  "0021_preference_history": preferenceHistory,
  "0022_erasures": erasures,
  "0023_mail_outbox_turns": mailOutboxTurns,
  "0024_password_reset_requests_by_address": passwordResetRequestsByAddress,
  "0025_user_roles": userRoles,
  "0026_origins_hidden_before": originsHiddenBefore,
  "0027_console_sessions": consoleSessions,
  "0028_staff_search": staffSearch,
  "0029_delivery_decisions": deliveryDecisions,
  "0030_dead_letter_replays": deadLetterReplays,
  "0031_session_cutoff": sessionCutoff,
  "0032_delivery_statuses": deliveryStatuses,
  "0033_activity_minutes": activityMinutes,
  "0034_delivery_decisions_of_users": deliveryDecisionsOfUsers
}

// A number that no other advisory lock in this database uses.
const lockId = 7_301_529

/**
 * Migrates the database to the newest schema in one transaction, and returns the migrations that it applied. Several processes may
 * call it at once: one migrates, the others wait and apply nothing. Existing rows are updated afterwards in short
 * transactions, to keep row locks brief.
 */
export const run: Effect.Effect<
  ReadonlyArray<readonly [id: number, name: string]>,
  Migrator.MigrationError | SqlError.SqlError,
  SqlClient.SqlClient
> = Effect.flatMap(direct, (sql) =>
  sql
    .withTransaction(
      Effect.gen(function* () {
        // A migration may take longer than a request's statements, and so may waiting for another process.
        yield* sql`set local statement_timeout = 0`
        yield* sql`select pg_advisory_xact_lock(${lockId})`
        yield* makeTable(sql)
        return yield* Effect.provideService(migrate, SqlClient.SqlClient, sql)
      })
    )
    .pipe(Effect.tap(EmailCanonicals.fill(sql)))
)

// The migrator would create the table too, but reports only an aborted transaction if the role lacks the permission.
const makeTable = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const [found] = yield* sql`select to_regclass('migrations') is not null as exists`
  if (found?.["exists"] === true) return
  yield* sql`
    create table migrations (
      migration_id integer primary key,
      created_at timestamp with time zone not null default now(),
      name text not null
    )`
})

const migrate = Migrator.make({})({ loader: Migrator.fromRecord(migrations), table: "migrations" })
