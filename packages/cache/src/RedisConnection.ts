import { Duration, Redacted, Result } from "effect"
import { Cluster, Redis as Client } from "ioredis"
import { parse, type RedisAddress } from "./RedisUrl.ts"

export interface RedisSettings {
  readonly url: Redacted.Redacted<string>
  /** Goes before every key. */
  readonly prefix?: string
  /** How long a command may take; {@link commandTimeout} when absent. */
  readonly commandTimeout?: Duration.Duration
}

/** How long a command may take. */
export const commandTimeout = Duration.millis(250)

/** A client of ioredis, for one Redis or for a cluster of them. */
export type Connection = Client | Cluster

const backoff = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 10), 1000)

const addressOf = ({ url }: RedisSettings): RedisAddress =>
  Result.getOrThrowWith(parse(Redacted.value(url)), (problem) => new TypeError(`REDIS_URL ${problem}`))

/** Connects, again and again where it fails. `enableOfflineQueue` keeps commands for a connection that is not there yet. */
export const connect = (settings: RedisSettings, enableOfflineQueue = false): Connection => {
  const address = addressOf(settings)
  const client = address.isCluster
    ? connectCluster(address, settings, enableOfflineQueue)
    : connectOne(address, settings, enableOfflineQueue)
  // Without a listener an error would end the process. The commands that fail by it have it too.
  client.on("error", () => {})
  return client
}

const optionsOf = (
  { password, tls, username }: RedisAddress,
  { commandTimeout: timeout = commandTimeout, prefix = "" }: RedisSettings
) => ({
  keyPrefix: prefix,
  // What timed out was given up: it must not be carried out again, behind everyone's back, on the next connection.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
  // Clears out what was given up long before, see Redis.ts.
  commandTimeout: 4 * Duration.toMillis(timeout),
  connectTimeout: 500,
  // Finds the connection whose other end went away without a word.
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
    // Names stay names: ioredis would connect to their addresses, for which no certificate is.
    dnsLookup: (host, callback) => callback(null, host),
    redisOptions
  })
}

/** Sends a command, and does by several what one node of a cluster cannot do alone. */
export const call = (client: Connection, command: string, args: Array<string>): Promise<unknown> => {
  // A script has to be known to all nodes.
  if (client instanceof Cluster && command === "script") {
    return Promise.all(client.nodes("master").map((node) => node.call(command, args))).then(([answer]) => answer)
  }
  // Keys of many slots lie on many nodes.
  if (client instanceof Cluster && command === "mget") {
    return Promise.all(args.map((key) => client.call("get", [key])))
  }
  return client.call(command, args)
}

/**
 * Why no node of the cluster can be used, which ioredis's client of a cluster does not tell: the error that the first of them
 * gives, or nothing where it gives none.
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
  // The first is the reason, and what follows its consequence.
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
