import { Duration, Redacted, Result } from "effect"
import { Cluster, Redis as Client } from "ioredis"
import { parse, type RedisAddress } from "./RedisUrl.ts"

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

const connectOne = (address: RedisAddress, settings: RedisSettings, enableOfflineQueue: boolean): Client =>
  new Client({
    ...optionsOf(address, settings),
    ...address.hosts[0],
    db: address.database,
    retryStrategy: backoff,
    enableOfflineQueue
  })

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
