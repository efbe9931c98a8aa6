import * as MetricsToken from "@user-service/runtime/MetricsToken"
import { Config, Context, type Option, type Redacted, Result, Schema, SchemaTransformation } from "effect"
import { IpInterface, IpNetwork, NetAddress } from "effect/net"
import { allowedHost, origin } from "./Hosts.ts"

const items = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

/**
 * Reads a list of items with `parse`, empty by default. The error for an invalid item has its position and the expected form
 * (`form`), but not its text, which may contain a password or control characters.
 */
const list = <A>(variable: string, form: string, parse: (item: string) => A | undefined) =>
  Config.schema(
    Schema.String.check(
      Schema.makeFilter((text: string) => {
        const all = items(text)
        const invalid = all.findIndex((item) => parse(item) === undefined)
        if (invalid >= 0) return `item ${invalid + 1} is not ${form}`
        return all.length > 0 || text === "" || "contains no items"
      })
    ),
    variable
  ).pipe(
    Config.withDefault(""),
    Config.map((text): ReadonlyArray<A> => items(text).flatMap((item) => parse(item) ?? []))
  )

// An address without a prefix is a network of one address. Bits after the prefix are ignored. IPv4-mapped networks become IPv4,
// as do the addresses of peers.
const network = (item: string): IpNetwork.IpNetwork | undefined => {
  const written = item.includes("/") ? item : `${item}/${item.includes(":") ? 128 : 32}`
  return Result.getOrUndefined(
    Result.flatMap(IpInterface.fromString(written, { prefix: "required" }), ({ address, prefixLength }) => {
      const canonical = NetAddress.toCanonical(address)
      return IpNetwork.fromAddress(canonical, canonical === address ? prefixLength : prefixLength - 96)
    })
  )
}

const trueWords = ["true", "yes", "on", "1", "y"] as const

// Case-insensitive.
const Switch = Schema.String.pipe(
  Schema.decode(SchemaTransformation.toLowerCase()),
  Schema.decodeTo(Schema.Literals([...trueWords, "false", "no", "off", "0", "n"]))
)

/** The settings of the outermost middleware. */
export class EdgeSettings extends Context.Service<
  EdgeSettings,
  {
    /** The allowed origins, as browsers send them. Only `*` if all are allowed. */
    readonly corsOrigins: ReadonlyArray<string>
    /** The host names of the service. `.example.com` includes its subdomains. All hosts are served if it is empty. */
    readonly allowedHosts: ReadonlyArray<string>
    /** The networks whose `X-Forwarded-*` headers are trusted. */
    readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
    /** The networks from which staff may use the admin API and the console. Empty: all. */
    readonly adminNetworks: ReadonlyArray<IpNetwork.IpNetwork>
    readonly forceHttps: boolean
    /** The bearer token of `/metrics`, which is public if there is none. */
    readonly metricsToken: Option.Option<Redacted.Redacted<string>>
  }
>()("@user-service/api/edge/EdgeSettings") {
  /**
   * `CORS_ALLOWED_ORIGINS`, `ALLOWED_HOSTS`, `TRUSTED_PROXIES`, `ADMIN_ALLOWED_NETWORKS`, `FORCE_HTTPS` and `METRICS_TOKEN`.
   */
  static readonly config: Config.Config<EdgeSettings["Service"]> = Config.all({
    corsOrigins: list("CORS_ALLOWED_ORIGINS", "an origin such as https://app.example.com", origin).pipe(
      Config.map((origins) => (origins.includes("*") ? ["*"] : origins))
    ),
    allowedHosts: list("ALLOWED_HOSTS", "a host name such as users.example.com or .example.com", allowedHost),
    trustedProxies: list("TRUSTED_PROXIES", "a network such as 10.0.0.0/8", network),
    adminNetworks: list("ADMIN_ALLOWED_NETWORKS", "a network such as 10.0.0.0/8", network),
    forceHttps: Config.schema(Switch, "FORCE_HTTPS").pipe(
      Config.withDefault("false"),
      Config.map((written) => trueWords.some((word) => word === written))
    ),
    metricsToken: MetricsToken.config
  })
}
