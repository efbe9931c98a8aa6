// Connections to a single Redis, to the one that sentinels watch, or to a Redis Cluster (decision 0048 on failover).
import { Duration, Redacted, Result } from "effect"
import { Cluster, Redis as Client } from "ioredis"
import { parse, type RedisAddress, type SentinelAddress } from "./RedisUrl.ts"

export interface RedisSettings {
  readonly url: Redacted.Redacted<string>
  /** The prefix of every key. */
  readonly prefix?: string
  /** How long a command may take; {@link commandTimeout} when absent. */
  readonly commandTimeout?: Duration.Duration
}

/** How long a command may take. */
export const commandTimeout = Duration.millis(250)

/** An ioredis client for a single Redis or a Redis Cluster. */
export type Connection = Client | Cluster

const backoff = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 10), 1000)

const addressOf = ({ url }: RedisSettings): RedisAddress =>
  Result.getOrThrowWith(parse(Redacted.value(url)), (problem) => new TypeError(`REDIS_URL ${problem}`))

/** Connects, and reconnects with backoff. `enableOfflineQueue` queues commands while there is no connection. */
export const connect = (settings: RedisSettings, enableOfflineQueue = false): Connection => {
  const address = addressOf(settings)
  const client = address.isCluster
    ? connectCluster(address, settings, enableOfflineQueue)
    : connectOne(address, settings, enableOfflineQueue)
  // Without a listener an error would end the process. The commands that fail report the same error.
  client.on("error", () => {})
  return client
}

const optionsOf = (
  { password, tls, username }: RedisAddress,
  { commandTimeout: timeout = commandTimeout, prefix = "" }: RedisSettings
) => ({
  keyPrefix: prefix,
  // A command that timed out has failed for its caller, so it must not run on the next connection.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
  // Only removes commands from ioredis's queue. RedisCircuit.ts has the timeout that callers see.
  commandTimeout: 4 * Duration.toMillis(timeout),
  connectTimeout: 500,
  // Detects a connection whose peer is gone without closing it.
  socketTimeout: 2000,
  enableAutoPipelining: true,
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
  ...(tls && { tls: {} })
})

// A replica since a failover, which still answers reads. The next connection finds the master.
const isReadOnly = ({ message }: Error): boolean => message.includes("READONLY")

const connectOne = (address: RedisAddress, settings: RedisSettings, enableOfflineQueue: boolean): Client => {
  const { sentinel } = address
  const client = new Client({
    ...optionsOf(address, settings),
    ...(sentinel === undefined ? address.hosts[0] : sentinelOptionsOf(address, sentinel)),
    db: address.database,
    retryStrategy: backoff,
    reconnectOnError: isReadOnly,
    enableOfflineQueue
  })
  if (sentinel !== undefined) followSentinels(client, address, sentinel)
  return client
}

const sentinelOptionsOf = ({ hosts, tls }: RedisAddress, { name, password, username }: SentinelAddress) => ({
  sentinels: [...hosts],
  name,
  ...(username !== undefined && { sentinelUsername: username }),
  ...(password !== undefined && { sentinelPassword: password }),
  ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  sentinelRetryStrategy: backoff,
  sentinelCommandTimeout: 500,
  // The sentinels announce addresses, under which they may be unknown here and which are not in certificates.
  updateSentinels: false
})

/**
 * Ends the connection when a sentinel announces another master. An idle connection would stay with the old one, which answers reads
 * until a sentinel has reached it. Not ioredis's detector, which writes the errors of its connections to standard error.
 */
const followSentinels = (
  client: Client,
  { hosts, tls }: RedisAddress,
  { name, password, username }: SentinelAddress
) => {
  const watchers = hosts.map((host) => {
    const watcher = new Client({
      ...host,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls: {} }),
      connectTimeout: 500,
      keepAlive: 10_000,
      maxRetriesPerRequest: null,
      retryStrategy: backoff
    })
    watcher.on("error", () => {})
    watcher.on("message", (_channel: string, master: string) => {
      if (master.startsWith(`${name} `)) client.disconnect(true)
    })
    // Waits for the connection, and is repeated with each further one. It fails only at the end of the client.
    watcher.subscribe("+switch-master").catch(() => {})
    return watcher
  })
  client.once("end", () => {
    for (const watcher of watchers) watcher.disconnect()
  })
}

const connectCluster = (address: RedisAddress, settings: RedisSettings, enableOfflineQueue: boolean): Cluster => {
  const redisOptions = optionsOf(address, settings)
  return new Cluster([...address.hosts], {
    enableOfflineQueue,
    enableAutoPipelining: true,
    clusterRetryStrategy: backoff,
    keyPrefix: redisOptions.keyPrefix,
    // Keeps host names: ioredis would connect to IP addresses, which are not in the certificates.
    dnsLookup: (host, callback) => callback(null, host),
    redisOptions
  })
}

/** Sends a command. Splits commands that one node of a cluster cannot execute. */
export const call = (client: Connection, command: string, args: Array<string>): Promise<unknown> => {
  // A script must be loaded on all nodes.
  if (client instanceof Cluster && command === "script") {
    return Promise.all(client.nodes("master").map((node) => node.call(command, args))).then(([answer]) => answer)
  }
  // The keys may be on several nodes.
  if (client instanceof Cluster && command === "mget") {
    return Promise.all(args.map((key) => client.call("get", [key])))
  }
  return client.call(command, args)
}

/**
 * The error of the cluster's first node, or undefined if it has none. Ioredis's cluster client does not report why no node can
 * be used.
 */
export const clusterError = async (settings: RedisSettings): Promise<unknown> => {
  const address = addressOf(settings)
  const node = new Client({
    ...optionsOf(address, settings),
    ...address.hosts[0],
    lazyConnect: true,
    retryStrategy: () => null
  })
  let error: unknown
  // Later errors are consequences of the first.
  node.on("error", (cause: unknown) => (error ??= cause))
  try {
    await node.connect()
    const info = String(await node.call("cluster", "info"))
    return info.includes("cluster_state:ok") ? undefined : new Error("CLUSTERDOWN cluster_state:fail")
  } catch (cause) {
    return error ?? cause
  } finally {
    node.disconnect()
  }
}
