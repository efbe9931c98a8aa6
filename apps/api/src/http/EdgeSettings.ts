import { Config, Context, type Option, type Redacted, Result, Schema } from "effect"
import { IpNetwork } from "effect/net"

/** What the outermost layer of the server lets in. */
export class EdgeSettings extends Context.Service<
  EdgeSettings,
  {
    /** The origins that browsers may call from. */
    readonly corsOrigins: ReadonlyArray<string>
    /** The host names the service answers to, `.example.com` with all below it; any when empty. */
    readonly allowedHosts: ReadonlyArray<string>
    /** The networks whose `X-Forwarded-*` headers are believed. */
    readonly trustedProxies: ReadonlyArray<IpNetwork.IpNetwork>
    readonly forceHttps: boolean
    /** What `/metrics` asks for; open when absent. */
    readonly metricsToken: Option.Option<Redacted.Redacted<string>>
  }
>()("@user-service/api/http/EdgeSettings") {}

const items = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

const list = (name: string) => Config.String(name).pipe(Config.withDefault(""), Config.map(items))

const networks = Config.schema(
  Schema.String.check(
    Schema.makeFilter((text: string) => {
      const wrong = items(text).find((item) => Result.isFailure(IpNetwork.fromString(networkOf(item))))
      return wrong === undefined || `${wrong} is not a network such as 10.0.0.0/8`
    })
  ),
  "TRUSTED_PROXIES"
).pipe(
  Config.withDefault(""),
  Config.map((text) => items(text).map((item) => IpNetwork.fromStringUnsafe(networkOf(item))))
)

// A bare address is the network of that address alone.
const networkOf = (item: string): string => (item.includes("/") ? item : `${item}/${item.includes(":") ? 128 : 32}`)

/** `CORS_ALLOWED_ORIGINS`, `ALLOWED_HOSTS`, `TRUSTED_PROXIES`, `FORCE_HTTPS` and `METRICS_TOKEN`. */
export const config: Config.Config<EdgeSettings["Service"]> = Config.all({
  corsOrigins: list("CORS_ALLOWED_ORIGINS"),
  allowedHosts: list("ALLOWED_HOSTS"),
  trustedProxies: networks,
  forceHttps: Config.Boolean("FORCE_HTTPS").pipe(Config.withDefault(false)),
  metricsToken: Config.option(Config.Redacted("METRICS_TOKEN"))
})
