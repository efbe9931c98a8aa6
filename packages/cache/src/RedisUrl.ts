import { engineUrlWith, percentProblem } from "@user-service/domain/EngineUrl"
import { Config, type Option, type Redacted, Result } from "effect"

/** The hosts of a Redis, and the credentials. */
export interface RedisAddress {
  /** One host, some nodes of a cluster, or the sentinels. An IPv6 address has no brackets. */
  readonly hosts: ReadonlyArray<RedisHost>
  readonly isCluster: boolean
  /** The Redis that the hosts watch. Undefined if the hosts are no sentinels. */
  readonly sentinel: SentinelAddress | undefined
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** The number of the database, 0 for a cluster. */
  readonly database: number
}

/** The name under which sentinels know a Redis, and the credentials of the sentinels. */
export interface SentinelAddress {
  readonly name: string
  readonly username: string | undefined
  readonly password: string | undefined
}

export interface RedisHost {
  readonly host: string
  readonly port: number
}

const form =
  "must be redis://user:password@host:port/database, rediss:// for TLS, with commas between several nodes of a Redis Cluster " +
  "or ?cluster=true after one, or redis+sentinel://user:password@sentinel:port,sentinel:port/name for the Redis that sentinels watch"

// The scheme, the login up to the last @, the hosts, the database, the parameters.
const pattern = /^(rediss?(?:\+sentinel)?):\/\/(?:(.*)@)?([^@/?]*)(?:\/([^?]*))?(?:\?(.*))?$/is
// Further nodes may repeat the scheme and the login.
const repetition = /(?<=,\s*)(rediss?(?:\+sentinel)?):\/\/(?:[^@,]*@)?/gi

/**
 * Parses `REDIS_URL`. A failure describes the mistake without quoting the value. All nodes of a cluster use the credentials of the
 * first. The password may contain commas, because the hosts begin after the last `@`.
 */
export const parse = (text: string): Result.Result<RedisAddress, string> => {
  const schemes = [...text.matchAll(repetition)].map(([, scheme]) => scheme)
  const found = pattern.exec(text.trim().replaceAll(repetition, ""))
  if (found === null) return Result.fail(form)
  const [, scheme = "", login = "", names = "", database = "", query = ""] = found
  if (!schemes.every((other) => other?.toLowerCase() === scheme.toLowerCase())) {
    return Result.fail("must not have redis:// and rediss:// together, nor either with +sentinel")
  }
  const isSentinel = scheme.toLowerCase().endsWith("+sentinel")
  const hosts = names.split(",").map((name) => hostOf(name.trim(), isSentinel ? 26_379 : 6379))
  if (!hosts.every((host) => host !== undefined)) return Result.fail(form)
  const problem = percentProblem(login)
  if (problem !== undefined) return Result.fail(problem)
  const common = { ...loginOf(login), hosts, tls: scheme.toLowerCase().startsWith("rediss") }
  if (isSentinel) return Result.map(sentinelOf(database, query), (found) => ({ ...common, ...found, isCluster: false }))
  if (!/^(cluster=(true|false))?$/.test(query)) return Result.fail("must have no parameter but cluster=true")
  const isCluster = query === "cluster=true" || hosts.length > 1
  if (!/^\d{0,9}$/.test(database)) return Result.fail("must have the number of a database after the /")
  if (isCluster && Number(database) !== 0) {
    return Result.fail("must name no database: a Redis Cluster has one alone")
  }
  return Result.succeed({ ...common, isCluster, sentinel: undefined, database: Number(database) })
}

// What follows the sentinels: /name, or /name/database, and the login of the sentinels themselves.
const sentinelOf = (
  path: string,
  query: string
): Result.Result<Pick<RedisAddress, "sentinel" | "database">, string> => {
  const [, name, database = ""] = /^([\w.-]+)(?:\/(\d{1,9})?)?$/.exec(path) ?? []
  if (name === undefined) {
    return Result.fail(
      "must have the name by which the sentinels know the Redis after the /, and may have /database after it"
    )
  }
  const problem = percentProblem(query)
  if (problem !== undefined) return Result.fail(problem)
  const parameters = new Map(query === "" ? [] : query.split("&").map(parameterOf))
  if (![...parameters.keys()].every((key) => key === "sentinel_user" || key === "sentinel_password")) {
    return Result.fail("must have no parameters but sentinel_user and sentinel_password")
  }
  const [username, password] = [parameters.get("sentinel_user"), parameters.get("sentinel_password")]
  return Result.succeed({ sentinel: { name, username, password }, database: Number(database) })
}

const parameterOf = (text: string): readonly [key: string, value: string] => {
  const [, key = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(text) ?? []
  return [key, decodeURIComponent(value)]
}

const hostOf = (text: string, port: number): RedisHost | undefined => {
  const url = URL.parse(`redis://${text}`)
  if (url === null || url.hostname === "" || url.hash !== "" || url.port === "0") return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || port) }
}

const loginOf = (login: string): Pick<RedisAddress, "username" | "password"> => {
  const [, username = "", password = ""] = /^([^:]*):?(.*)$/s.exec(login) ?? []
  const decoded = (part: string) => (part === "" ? undefined : decodeURIComponent(part))
  return { username: decoded(username), password: decoded(password) }
}

/**
 * `REDIS_URL`: `redis://` or `rediss://`, a Redis Cluster if it has several hosts or `?cluster=true`, or with `+sentinel` in its scheme
 * the Redis that sentinels watch (decision 0048). None if it is not set.
 */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  engineUrlWith("REDIS_URL", (url) => Result.getOrUndefined(Result.flip(parse(url))))
)
