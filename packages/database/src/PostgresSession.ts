import type { PgConnection } from "@effect/sql-pg"
import { Duration } from "effect"
import { type PostgresAddress, socketPath } from "./PostgresAddress.ts"
import { connectionOptions } from "./PostgresTls.ts"
import { openerOf } from "./PostgresLink.ts"
import { isPooled, type PostgresSettings } from "./PostgresSettings.ts"

/**
 * The longest any statement runs on the server. Interrupting a fiber does not stop a multiplexed statement there, so
 * this is what keeps one slow statement from holding up those that share its connection.
 */
export const statementTimeout = Duration.millis(2500)

/** The longest a transaction is left waiting for its next statement, holding its locks. */
const idleInTransactionTimeout = Duration.seconds(10)

// The server answers a statement before this, by its end or by its timeout; a link that brings no answer is none.
const silenceLimit = Duration.times(statementTimeout, 3)

/** The limits that the server keeps, as it takes them, in milliseconds. */
export const serverLimits = {
  statement_timeout: String(Duration.toMillis(statementTimeout)),
  idle_in_transaction_session_timeout: String(Duration.toMillis(idleInTransactionTimeout))
}

// What a pooler takes too: PgBouncer follows it from one server session to the next.
const everywhere = { timezone: "UTC" }

const common = (address: PostgresAddress) => ({
  host: address.host,
  port: address.port,
  username: address.user,
  password: address.password,
  database: address.database,
  ssl: socketPath(address) === undefined && connectionOptions(address.tls),
  applicationName: address.applicationName ?? "user-service",
  startupOptions: address.options
})

/** The sessions of requests and messages. */
export const pooledSession = (settings: PostgresSettings): PgConnection.Config => ({
  ...common(settings.address),
  connectTimeout: settings.address.connectTimeout ?? Duration.seconds(1),
  // Firewalls forget a link that nothing passes over for some minutes.
  stream: openerOf(settings.address, { silenceLimit, keepAlive: Duration.seconds(60) }),
  prepare: settings.preparedStatements,
  startupParameters: isPooled(settings) ? everywhere : { ...everywhere, ...serverLimits }
})

/** How long a connection may take for which no request waits: a machine under load, or a server far away, takes long. */
export const startTimeoutOf = ({ connectTimeout }: PostgresAddress): Duration.Duration =>
  connectTimeout ?? Duration.seconds(5)

/** Sessions on PostgreSQL itself. */
export const directSession = ({ address, direct = address }: PostgresSettings): PgConnection.Config => ({
  ...common(direct),
  connectTimeout: startTimeoutOf(direct),
  stream: openerOf(direct, { keepAlive: Duration.seconds(5) }),
  startupParameters: everywhere
})
