import type { PgConnection } from "@effect/sql-pg"
import { Duration } from "effect"
import { type PostgresAddress, socketPath } from "./PostgresAddress.ts"
import { connectionOptions } from "./PostgresTls.ts"
import { openerOf } from "./PostgresSocket.ts"
import { isPooled, type PostgresSettings } from "./PostgresSettings.ts"

/**
 * The time limit of a statement on the server. Interrupting a fiber does not stop a statement on a shared connection, so this limit
 * bounds how long a slow statement blocks the others on its connection.
 */
export const statementTimeout = Duration.millis(2500)

/** How long a transaction may hold its locks while it waits for its next statement. */
const idleInTransactionTimeout = Duration.seconds(10)

// The server answers every statement earlier, at the latest by its timeout. A connection without an answer is dead.
const silenceLimit = Duration.times(statementTimeout, 3)

/** Settings of the server that limit statements and transactions, in milliseconds. */
export const serverLimits = {
  statement_timeout: String(Duration.toMillis(statementTimeout)),
  idle_in_transaction_session_timeout: String(Duration.toMillis(idleInTransactionTimeout))
}

// Startup parameters that a pooler accepts too: PgBouncer sets them on every server session.
const commonParameters = { timezone: "UTC" }

// A dead letter has a body of up to 16 MiB, which is the client's default for a whole row: a larger one breaks the connection.
const maxMessageSize = 32 * 1024 * 1024

const common = (address: PostgresAddress) => ({
  host: address.host,
  port: address.port,
  username: address.user,
  password: address.password,
  database: address.database,
  ssl: socketPath(address) === undefined && connectionOptions(address.tls),
  applicationName: address.applicationName ?? "user-service",
  startupOptions: address.options,
  maxMessageSize
})

/** Sessions for requests and messages. */
export const pooledSession = (settings: PostgresSettings): PgConnection.Config => ({
  ...common(settings.address),
  connectTimeout: settings.address.connectTimeout ?? Duration.seconds(1),
  // Firewalls drop connections that are idle for some minutes.
  stream: openerOf(settings.address, { silenceLimit, keepAlive: Duration.seconds(60) }),
  prepare: settings.preparedStatements,
  startupParameters: isPooled(settings) ? commonParameters : { ...commonParameters, ...serverLimits }
})

/** The connect timeout where no request waits: a busy machine or a distant server takes long. */
export const startTimeoutOf = ({ connectTimeout }: PostgresAddress): Duration.Duration =>
  connectTimeout ?? Duration.seconds(5)

/** Sessions directly on PostgreSQL, see {@link DirectSql}. */
export const directSession = ({ address, direct = address }: PostgresSettings): PgConnection.Config => ({
  ...common(direct),
  connectTimeout: startTimeoutOf(direct),
  stream: openerOf(direct, { keepAlive: Duration.seconds(5) }),
  startupParameters: commonParameters
})
