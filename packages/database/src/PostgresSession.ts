import { isIP } from "node:net"
import type { PgConnection } from "@effect/sql-pg"
import { Duration } from "effect"
import { type PostgresAddress, type PostgresHost, socketPath } from "./PostgresAddress.ts"
import { connectionOptions } from "./PostgresTls.ts"
import { openerOf } from "./PostgresSocket.ts"
import { chooserOf, LateStream } from "./WritableHost.ts"
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

type OpenerOptions = Parameters<typeof openerOf>[1]

/** What a session needs to reach the address: the only host, or the one of several that accepts writes. */
const transport = (address: PostgresAddress, options: OpenerOptions): Pick<PgConnection.Config, "stream" | "ssl"> => {
  if (address.hosts.length === 1) return { stream: openerOf(address, options) }
  const addresses = new Map(address.hosts.map((host) => [host, { ...address, ...host, hosts: [host] }]))
  const openers = new Map([...addresses].map(([host, one]) => [host, openerOf(one, options)]))
  const choose = chooserOf(
    new Map([...addresses].map(([host, one]) => [host, { ...common(one), stream: openerOf(one, options) }]))
  )
  let chosen: PostgresHost = address
  const open = async () => {
    const host = await choose()
    chosen = host
    return openers.get(host)?.() ?? Promise.reject(new Error("The host is one of the address"))
  }
  const { ssl } = common(address)
  return {
    stream: () => new LateStream(open()),
    // Read at each connection: the certificate is that of the host of this connection.
    ssl:
      ssl === false
        ? ssl
        : Object.defineProperties(
            { ...ssl },
            serverNameOf(() => chosen)
          )
  }
}

const serverNameOf = (chosen: () => PostgresHost) => ({
  host: { enumerable: true, get: () => chosen().host },
  servername: { enumerable: true, get: () => (isIP(chosen().host) === 0 ? chosen().host : undefined) }
})

/** Sessions for requests and messages. */
export const pooledSession = (settings: PostgresSettings): PgConnection.Config => ({
  ...common(settings.address),
  // Several hosts are asked first, see WritableHost.ts.
  connectTimeout: settings.address.connectTimeout ?? Duration.seconds(settings.address.hosts.length === 1 ? 1 : 2),
  // Firewalls drop connections that are idle for some minutes.
  ...transport(settings.address, { silenceLimit, keepAlive: Duration.seconds(60) }),
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
  ...transport(direct, { keepAlive: Duration.seconds(5) }),
  startupParameters: commonParameters
})
