import { Config, Result, Schema, SchemaTransformation } from "effect"
import { NetAddress } from "effect/net"

// RFC 1123, section 2.1, and the underscores of container names. The last label has a letter, else it is an address that is
// none.
const hostName = /^(?:[a-z0-9_-]{1,63}\.)*(?=[a-z0-9_-]*[a-z_-])[a-z0-9_-]{1,63}\.?$/i

// An address of one link has the name of the link with it (RFC 4007, section 11).
const isAddress = (text: string): boolean =>
  Result.isSuccess(NetAddress.ipFromString(text.replace(/^(f[^%]*:[^%]*)%[\w.-]+$/i, "$1")))

const problemOf = (host: string): string | undefined => {
  if (isAddress(host) || hostName.test(host)) return undefined
  return /^(?:\[.*\]|[^:]*):\d+$/.test(host)
    ? "must be without a port, which has a variable of its own"
    : "must be an address or a host name to listen on, such as 127.0.0.1, or 0.0.0.0 or :: for all"
}

const Written = Schema.String.pipe(
  // Node listens on an IPv6 address without the brackets it has in a URL.
  Schema.decode(
    SchemaTransformation.transform({ decode: (text) => text.replace(/^\[(.*)\]$/, "$1"), encode: (host) => host })
  ),
  Schema.check(Schema.makeFilter((host: string) => problemOf(host) ?? true))
)

/** Where to listen, from `HOST`: an address or a host name. */
export const config: Config.Config<string> = Config.schema(Written, "HOST").pipe(Config.withDefault("127.0.0.1"))
