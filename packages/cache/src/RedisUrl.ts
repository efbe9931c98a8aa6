import { engineUrlWith, percentProblem } from "@user-service/domain/EngineUrl"
import { Config, type Option, type Redacted, Result } from "effect"

/** The hosts of a Redis, and the credentials. */
export interface RedisAddress {
  /** One host, or some nodes of a cluster. An IPv6 address has no brackets. */
  readonly hosts: ReadonlyArray<RedisHost>
  readonly isCluster: boolean
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** The number of the database, 0 for a cluster. */
  readonly database: number
}

export interface RedisHost {
  readonly host: string
  readonly port: number
}

const form =
  "must be redis://user:password@host:port/database, rediss:// for TLS, with commas between several nodes of a Redis Cluster " +
  "or ?cluster=true after one"

// The scheme, the login up to the last @, the hosts, the database, the parameters.
const pattern = /^(rediss?):\/\/(?:(.*)@)?([^@/?]*)(?:\/([^?]*))?(?:\?(.*))?$/is
// Further nodes may repeat the scheme and the login.
const repetition = /(?<=,\s*)(rediss?):\/\/(?:[^@,]*@)?/gi

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
    return Result.fail("must not have redis:// and rediss:// together")
  }
  const hosts = names.split(",").map((name) => hostOf(name.trim()))
  if (!hosts.every((host) => host !== undefined)) return Result.fail(form)
  const problem = percentProblem(login)
  if (problem !== undefined) return Result.fail(problem)
  if (!/^(cluster=(true|false))?$/.test(query)) return Result.fail("must have no parameter but cluster=true")
  const isCluster = query === "cluster=true" || hosts.length > 1
  if (!/^\d{0,9}$/.test(database)) return Result.fail("must have the number of a database after the /")
  if (isCluster && Number(database) !== 0) {
    return Result.fail("must name no database: a Redis Cluster has one alone")
  }
  return Result.succeed({
    ...loginOf(login),
    hosts,
    isCluster,
    tls: scheme.toLowerCase() === "rediss",
    database: Number(database)
  })
}

const hostOf = (text: string): RedisHost | undefined => {
  const url = URL.parse(`redis://${text}`)
  if (url === null || url.hostname === "" || url.hash !== "" || url.port === "0") return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 6379) }
}

const loginOf = (login: string): Pick<RedisAddress, "username" | "password"> => {
  const [, username = "", password = ""] = /^([^:]*):?(.*)$/s.exec(login) ?? []
  const decoded = (part: string) => (part === "" ? undefined : decodeURIComponent(part))
  return { username: decoded(username), password: decoded(password) }
}

/** `REDIS_URL`: `redis://` or `rediss://`, a Redis Cluster if it has several hosts or `?cluster=true`. None if it is not set. */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  engineUrlWith("REDIS_URL", (url) => Result.getOrUndefined(Result.flip(parse(url))))
)
