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
 * Reads a list of items with `parse`, empty by default. The error for an item that `parse` refuses names `what` was expected and
 * the item's position, not its text, which may hold a password or a terminal's control characters.
 */
const list = <A>(variable: string, what: string, parse: (item: string) => A | undefined) =>
  Config.schema(
    Schema.String.check(
      Schema.makeFilter((text: string) => {
        const all = items(text)
        const wrong = all.findIndex((item) => parse(item) === undefined)
        if (wrong >= 0) return `item ${wrong + 1} is not ${what}`
        return all.length > 0 || text === "" || "is a list of nothing"
      })
    ),
    variable
  ).pipe(
    Config.withDefault(""),
    Config.map((text): ReadonlyArray<A> => items(text).flatMap((item) => parse(item) ?? []))
  )

// A bare address is the network of that address alone, one with more bits than its prefix has the network it is in. Peers are
// compared as IPv4 where they can be.
const network = (item: string): IpNetwork.IpNetwork | undefined => {
  const written = item.includes("/") ? item : `${item}/${item.includes(":") ? 128 : 32}`
  return Result.getOrUndefined(
    Result.flatMap(IpInterface.fromString(written, { prefix: "required" }), ({ address, prefixLength }) => {
      const canonical = NetAddress.toCanonical(address)
      return IpNetwork.fromAddress(canonical, canonical === address ? prefixLength : prefixLength - 96)
    })
  )
}

const yes = ["true", "yes", "on", "1", "y"] as const

// In any case: `True`.
const Switch = Schema.String.pipe(
  Schema.decode(SchemaTransformation.toLowerCase()),
  Schema.decodeTo(Schema.Literals([...yes, "false", "no", "off", "0", "n"]))
)

/** What the outermost layer of the server lets in. */
export class EdgeSettings extends Context.Service<
  EdgeSettings,
  {
    /** The origins that browsers may call from, as they send them; `*` alone for any. */
    readonly corsOrigins: ReadonlyArray<string>
    /** The host names the service answers to, `.example.com` with all below it; any when empty. */
    readonly allowedHosts: ReadonlyArray<string>
    /** The networks whose `X-Forwarded-*` headers are believed. */
    readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
    readonly forceHttps: boolean
    /** What `/metrics` asks for; open when absent. */
    readonly metricsToken: Option.Option<Redacted.Redacted<string>>
  }
>()("@user-service/api/edge/EdgeSettings") {
  /** `CORS_ALLOWED_ORIGINS`, `ALLOWED_HOSTS`, `TRUSTED_PROXIES`, `FORCE_HTTPS` and `METRICS_TOKEN`. */
  static readonly config: Config.Config<EdgeSettings["Service"]> = Config.all({
    corsOrigins: list("CORS_ALLOWED_ORIGINS", "an origin such as https://app.example.com", origin).pipe(
      Config.map((origins) => (origins.includes("*") ? ["*"] : origins))
    ),
    allowedHosts: list("ALLOWED_HOSTS", "a host name such as users.example.com or .example.com", allowedHost),
    trustedProxies: list("TRUSTED_PROXIES", "a network such as 10.0.0.0/8", network),
    forceHttps: Config.schema(Switch, "FORCE_HTTPS").pipe(
      Config.withDefault("false"),
      Config.map((written) => yes.some((word) => word === written))
    ),
    metricsToken: MetricsToken.config
  })
}
