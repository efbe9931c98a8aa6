// The address of PostgreSQL, parsed as libpq does (decision 0022).
import { Duration, Redacted, Result } from "effect"
import { isIP } from "node:net"
import { userInfo } from "node:os"
import { type PostgresTls, tlsOf } from "./PostgresTls.ts"

export interface PostgresHost {
  /** A host name, an IP address without brackets, or the folder of a Unix socket, beginning with a slash. */
  readonly host: string
  readonly port: number
}

/** The address of PostgreSQL or of a pooler in front of it, with credentials. */
export interface PostgresAddress {
  /** The environment variable that the address was read from, for messages. */
  readonly variable: string
  /** The first of the hosts. */
  readonly host: string
  readonly port: number
  /** One host, or several of which the sessions use the one that accepts writes (decision 0048). */
  readonly hosts: ReadonlyArray<PostgresHost>
  readonly user: string
  readonly password: Redacted.Redacted<string> | undefined
  readonly database: string
  readonly tls: PostgresTls
  readonly applicationName: string | undefined
  /** Command-line options for the session, such as `-c name=value`. */
  readonly options: string | undefined
  readonly connectTimeout: Duration.Duration | undefined
}

/** The path of the Unix socket, or undefined for a TCP address. */
export const socketPath = ({ host, port }: PostgresHost): string | undefined =>
  host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : undefined

/** The address without credentials, for messages. */
export const placeOf = (address: PostgresHost): string =>
  socketPath(address) ?? (isIP(address.host) === 6 ? `[${address.host}]` : address.host) + `:${address.port}`

/**
 * Parses a single host as libpq does: a name, an IP address with or without brackets, or the folder of a Unix socket. A failure
 * describes the mistake without quoting the value.
 */
export const parseHost = (text: string): Result.Result<string, string> => {
  if (text.startsWith("/")) return Result.succeed(text.length > 1 ? text.replace(/\/+$/, "") : text)
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text
  if (isIP(host) !== 0) return Result.succeed(host)
  if (text === "") return Result.fail("must not be empty")
  if (text.includes(",")) return Result.fail(oneHost)
  if (/^[^:]+:\d*$/.test(text)) return Result.fail("must be without a port, which is a separate setting")
  return /^[\p{L}\p{N}_.-]+$/u.test(text)
    ? Result.succeed(text)
    : Result.fail("must be a host name, an IP address or the folder of a Unix socket")
}

const oneHost = "must be one: several are named in DATABASE_URL"

/**
 * Parses a connection URI as libpq does (PostgreSQL 17, section 32.1.1.2): host, port, user, password and database may also be
 * query parameters, there may be several hosts, and unknown parameters are refused. A failure describes the mistake without quoting the value, which
 * contains a password.
 */
export const parseUrl = (variable: string, url: string): Result.Result<PostgresAddress, string> =>
  Result.gen(function* () {
    const parts = urlPattern.exec(url)?.groups
    if (parts === undefined) return yield* Result.fail(form)
    const places = yield* Result.all((parts["place"] ?? "").split(",").map(parsePlace))
    const { groups: account } = accountPattern.exec(parts["account"] ?? "") ?? {}
    const parameters = yield* parseParameters(parts["query"])
    const own = (name: Parameter): string | undefined => parameters.get(name) || undefined

    const names = own("host")?.split(",") ?? (yield* Result.all(places.map(({ host }) => decode(host, "its host"))))
    const ports = own("port")?.split(",") ?? places.map(({ port }) => port)
    if (ports.length > 1 && ports.length !== names.length)
      return yield* Result.fail("must have one port, or one each host")
    const hosts = yield* Result.all(names.map((name, index) => parseHostAndPort(name, ports[index] ?? ports[0] ?? "")))
    const [first] = hosts
    if (first === undefined) return yield* Result.fail(form)
    if (!writableTargets.has(own("target_session_attrs") ?? "read-write")) return yield* Result.fail(badTarget)
    const user = own("user") ?? ((yield* decode(account?.["user"] ?? "", "its user")) || systemUser())
    if (user === undefined) return yield* Result.fail("names no user")
    const password = own("password") ?? (yield* decode(account?.["password"] ?? "", "its password"))
    const path = parts["path"] ?? ""
    if (/[/@]/.test(path)) return yield* Result.fail(escapes)
    const database = own("dbname") ?? ((yield* decode(path, "its database")) || user)
    return {
      variable,
      ...first,
      hosts,
      user,
      password: password === "" ? undefined : Redacted.make(password, { label: variable }),
      database,
      tls: yield* tlsOf({ mode: parameters.get("sslmode"), rootCertificates: parameters.get("sslrootcert") }),
      applicationName: own("application_name"),
      options: own("options"),
      connectTimeout: yield* parseTimeout(own("connect_timeout"))
    }
  })

const form = "must be postgres://user:password@host:port/name"

const urlPattern =
  /^postgres(?:ql)?:\/\/(?:(?<account>[^/?]*)@)?(?<place>[^/?]*)(?:\/(?<path>[^?]*))?(?:\?(?<query>.*))?$/s

const accountPattern = /^(?<user>[^:]*)(?::(?<password>.*))?$/s

const parsePlace = (place: string): Result.Result<{ readonly host: string; readonly port: string }, string> => {
  const [, host = "", port = ""] = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(place) ?? []
  return host === "" && place !== ""
    ? Result.fail(/^[\da-f:.]+$/i.test(place) ? "must have its IPv6 address in brackets: [::1]" : badPort)
    : Result.succeed({ host, port })
}

// The usual cause of a wrong port is a password that contains a slash or a question mark.
const escapes = "must have %2F for /, %3F for ? and %40 for @ in its user, password and database"
const badPort = `must have a port from 1 to 65535; it ${escapes}`

// libpq's names for a server that accepts writes, which is the only kind that the service can use.
const writableTargets: ReadonlySet<string> = new Set(["read-write", "primary"])
const badTarget = "must have a target_session_attrs of read-write or primary"

const parseHostAndPort = (host: string, port: string): Result.Result<PostgresHost, string> =>
  Result.all({ host: Result.mapError(parseHost(host), (problem) => `its host ${problem}`), port: parsePort(port) })

const parsePort = (text: string): Result.Result<number, string> => {
  if (text === "") return Result.succeed(5432)
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? Result.succeed(port) : Result.fail(badPort)
}

const parameterNames = [
  "host",
  "port",
  "user",
  "password",
  "dbname",
  "sslmode",
  "sslrootcert",
  "application_name",
  "options",
  "connect_timeout",
  "target_session_attrs"
] as const
type Parameter = (typeof parameterNames)[number]

const parseParameters = (query: string | undefined): Result.Result<ReadonlyMap<Parameter, string>, string> =>
  Result.gen(function* () {
    const parameters = new Map<Parameter, string>()
    for (const item of (query ?? "").split("&").filter((item) => item !== "")) {
      const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(item) ?? []
      // JDBC's spelling, which libpq accepts too.
      if (key === "ssl" && value === "true") parameters.set("sslmode", "require")
      else {
        const name = parameterNames.find((name) => name === key)
        if (name === undefined) return yield* Result.fail(unknownParameter(key, query ?? ""))
        parameters.set(name, yield* decode(value, `its parameter ${name}`))
      }
    }
    return parameters
  })

// The query could contain part of an unescaped password, so the name is shown only if it looks like a parameter.
const unknownParameter = (key: string, query: string): string => {
  if (query.includes("@")) return escapes
  const name = /^[a-z_]{2,32}$/.test(key) && !query.includes("password") ? ` ${key}` : ""
  return `has the parameter${name} in its query, which is not supported; these are: ${parameterNames.join(", ")}`
}

const parseTimeout = (text: string | undefined): Result.Result<Duration.Duration | undefined, string> => {
  if (text === undefined) return Result.succeed(undefined)
  return /^[1-9]\d{0,3}$/.test(text)
    ? Result.succeed(Duration.seconds(Number(text)))
    : Result.fail("must have a connect_timeout of whole seconds, 1 or more")
}

const decode = (text: string, part: string): Result.Result<string, string> => {
  const decoded = Result.try({ try: () => decodeURIComponent(text), catch: () => "" })
  return Result.isSuccess(decoded) && !decoded.success.includes("\0")
    ? decoded
    : Result.fail(`must have ${part} percent-encoded as UTF-8: write % itself as %25`)
}

// The default user of libpq. In a container the system user may have no name.
const systemUser = (): string | undefined => {
  const name = Result.try({ try: () => userInfo().username, catch: () => "" })
  return Result.isSuccess(name) && name.success !== "" ? name.success : undefined
}
