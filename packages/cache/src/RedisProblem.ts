import { connectionProblem } from "@user-service/domain/EngineUnusable"
import { Predicate } from "effect"

/** Problems of a single-Redis client that is connected to a cluster node or a sentinel. */
export const clusterNodeProblem =
  "it is a node of a Redis Cluster: name several nodes with commas between, or add ?cluster=true"
export const sentinelProblem = "it is a Redis Sentinel, not the Redis that it watches"

// How Redis refuses (https://redis.io/docs/latest/develop/reference/protocol-spec/, "Simple errors").
const refusals: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(WRONGPASS|ERR invalid password)/, "it refuses the user or the password"],
  [/^NOAUTH/, "it asks for a password"],
  [/^NOPERM/, "its user lacks a permission"],
  [/^(MOVED|ASK) /, clusterNodeProblem],
  [/cluster support disabled/, "it is no Redis Cluster: name one host, without ?cluster=true"],
  [/^CLUSTERDOWN/, "the cluster is down"],
  [/^ERR DB index/, "it has no database of this number"],
  [/^ERR max number of clients/, "it has as many clients as it takes"],
  [/^(?:Unknown RESP type|Protocol error, got)/, "another server than Redis answers there"],
  [/^Socket timeout/, "no answer in time"]
]

// Messages of ioredis for failures whose reason is in another error.
const unspecific =
  /^(timeout$|Command timed out|Connection is closed|Command aborted|Stream isn't writeable|Reached the max retries|Failed to refresh slots|None of startup nodes|Cluster is dis|Cluster isn't ready)/

/**
 * Why Redis cannot be used, for an operator. Undefined if the error gives no reason. Uses only the error's message: ioredis adds
 * the command and its arguments as properties, for AUTH the password.
 */
export const problemOf = (error: unknown): string | undefined => {
  const message = Predicate.hasProperty(error, "message") && Predicate.isString(error.message) ? error.message : ""
  const explanation = refusals.find(([pattern]) => pattern.test(message))?.[1]
  if (explanation !== undefined) return `${explanation} (${message})`
  return connectionProblem(error) ?? (message === "" || unspecific.test(message) ? undefined : message)
}
