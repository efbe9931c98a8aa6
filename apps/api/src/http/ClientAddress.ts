import type { Origin } from "@user-service/core/Origin"
import { Option, Result } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"

const maxUserAgentLength = 500

// Whoever has one address of an IPv6 /64 has them all, so limits count those together.
const networkOf = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv6Address(address)
    ? IpNetwork.format(IpNetwork.fromAddressUnsafe(address, 64))
    : NetAddress.formatIp(address)

/** Where the request comes from, once the headers of trusted proxies were applied to it. */
export const originOf = (request: HttpServerRequest.HttpServerRequest): Origin => {
  const userAgent = (request.headers["user-agent"] ?? "").slice(0, maxUserAgentLength)
  const parsed = Option.map(request.remoteAddress, NetAddress.ipFromString)
  if (Option.isNone(parsed) || Result.isFailure(parsed.value)) return { ip: null, network: "unknown", userAgent }
  const address = NetAddress.toCanonical(parsed.value.success)
  return { ip: NetAddress.formatIp(address), network: networkOf(address), userAgent }
}
