import { Config, Result, Schema, SchemaTransformation } from "effect"
import { NetAddress } from "effect/net"

// RFC 1123, section 2.1, plus underscores for container names. The last label needs a letter, otherwise it is a malformed IP address.
const hostName = /^(?:[a-z0-9_-]{1,63}\.)*(?=[a-z0-9_-]*[a-z_-])[a-z0-9_-]{1,63}\.?$/i

// A link-local IPv6 address includes its zone (RFC 4007, section 11).
const isAddress = (text: string): boolean =>
  Result.isSuccess(NetAddress.ipFromString(text.replace(/^(f[^%]*:[^%]*)%[\w.-]+$/i, "$1")))

const problemOf = (host: string): string | undefined => {
  if (isAddress(host) || hostName.test(host)) return undefined
  return /^(?:\[.*\]|[^:]*):\d+$/.test(host)
    ? "must be without a port, which has a variable of its own"
    : "must be an address or a host name to listen on, such as 127.0.0.1, or 0.0.0.0 or :: for all"
}

const Host = Schema.String.pipe(
  // Node expects an IPv6 address without brackets.
  Schema.decode(
    SchemaTransformation.transform({ decode: (text) => text.replace(/^\[(.*)\]$/, "$1"), encode: (host) => host })
  ),
  Schema.check(Schema.makeFilter((host: string) => problemOf(host) ?? true))
)

/** The address or host name to listen on, from `HOST`. */
export const config: Config.Config<string> = Config.schema(Host, "HOST").pipe(Config.withDefault("127.0.0.1"))
