import { connectionProblem } from "@user-service/domain/EngineUnusable"
import { Predicate } from "effect"

/** A plain client is connected to what is no single Redis. */
export const isOfCluster =
  "it is a node of a Redis Cluster: name several nodes with commas between, or add ?cluster=true"
export const isSentinel = "it is a Redis Sentinel, not the Redis that it watches"

// How Redis refuses (https://redis.io/docs/latest/develop/reference/protocol-spec/, "Simple errors").
const refusals: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(WRONGPASS|ERR invalid password)/, "it refuses the user or the password"],
  [/^NOAUTH/, "it asks for a password"],
  [/^NOPERM/, "its user lacks a permission"],
  [/^(MOVED|ASK) /, isOfCluster],
  [/cluster support disabled/, "it is no Redis Cluster: name one host, without ?cluster=true"],
  [/^CLUSTERDOWN/, "the cluster is down"],
  [/^ERR DB index/, "it has no database of this number"],
  [/^ERR max number of clients/, "it has as many clients as it takes"],
  [/^(?:Unknown RESP type|Protocol error, got)/, "another server than Redis answers there"],
  [/^Socket timeout/, "no answer in time"]
]

// What ioredis says where the reason is in another error.
const unspecific =
  /^(timeout$|Command timed out|Connection is closed|Command aborted|Stream isn't writeable|Reached the max retries|Failed to refresh slots|None of startup nodes|Cluster is dis|Cluster isn't ready)/

/**
 * Why Redis cannot be used, in words for an operator. Only the message of the error counts: ioredis hangs the command and its
 * arguments on it, on AUTH the password. Nothing where the error does not say why.
 */
export const problemOf = (error: unknown): string | undefined => {
  const message = Predicate.hasProperty(error, "message") && Predicate.isString(error.message) ? error.message : ""
  const words = refusals.find(([pattern]) => pattern.test(message))?.[1]
  if (words !== undefined) return `${words} (${message})`
  return connectionProblem(error) ?? (message === "" || unspecific.test(message) ? undefined : message)
}
