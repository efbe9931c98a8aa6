import { engineUrlWith, isUrlOf, percentProblem } from "@user-service/domain/EngineUrl"
import { Config, type Option, type Redacted } from "effect"

const form =
  "must be amqp://user:password@host:port/vhost, or amqps:// for TLS, with commas between the host:port of several nodes"
const isNumber = (text: string): boolean => /^\d{1,9}$/.test(text)
// The query parameters that amqplib reads. A heartbeat is in seconds.
const parameters: Readonly<Record<string, (text: string) => boolean>> = {
  heartbeat: isNumber,
  // RabbitMQ 4.1 and later refuse connections with smaller frames. 0 means no limit.
  frameMax: (text) => isNumber(text) && (Number(text) === 0 || Number(text) >= 8192),
  channelMax: isNumber,
  maxFrameSize: isNumber,
  locale: (text) => /^\w{1,32}$/.test(text)
}

// The scheme and the login up to the last @, the hosts, and the rest.
const pattern = /^(\w+:\/\/(?:[^/?]*@)?)([^@/?]*)(.*)$/s

/** The URLs of the nodes, each with the login, the virtual host and the parameters of the text. */
export const nodesOf = (text: string): ReadonlyArray<string> => {
  const [, before = "", hosts = text, after = ""] = pattern.exec(text) ?? []
  return hosts.split(",").map((host) => `${before}${host.trim()}${after}`)
}

const problemOf = (text: string): string | undefined => {
  const nodes = nodesOf(text)
  const [first = ""] = nodes
  if (!nodes.every(isUrlOf("amqp", "amqps"))) return form
  const url = new URL(first)
  const names = [...new Set(url.searchParams.keys())]
  const unknown = names.some((name) => !Object.hasOwn(parameters, name))
  if (unknown) return `must have no parameters but ${Object.keys(parameters).join(", ")}`
  const wrong = names.find((name) => parameters[name]?.(url.searchParams.getAll(name).join()) !== true)
  return wrong === undefined ? percentProblem(text) : `has an invalid ${wrong}`
}

/** `RABBITMQ_URL`: `amqp://` or `amqps://` with user, password, the nodes and the virtual host. None if it is not set. */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  engineUrlWith("RABBITMQ_URL", problemOf)
)

/** Host and port of RabbitMQ. An IPv6 address has no brackets. */
export const hostOf = (text: string): { readonly host: string; readonly port: number } => {
  const { hostname, port, protocol } = new URL(text)
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (protocol === "amqps:" ? 5671 : 5672)) }
}

/** The user and the password, percent-decoded. */
export const loginOf = (text: string): { readonly user: string; readonly password: string } => {
  const { password, username } = new URL(text)
  return username === "" && password === ""
    ? { user: "guest", password: "guest" }
    : { user: decodeURIComponent(username), password: decodeURIComponent(password) }
}
