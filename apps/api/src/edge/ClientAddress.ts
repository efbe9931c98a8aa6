import type { Origin } from "@user-service/core/Origin"
import { toLine } from "@user-service/domain/Text"
import { Option, Result } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"

const maxUserAgentLength = 500

// Whoever has one address of an IPv6 /64 has them all, so limits count those together.
const networkOf = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv6Address(address)
    ? IpNetwork.format(IpNetwork.fromAddressUnsafe(address, 64))
    : NetAddress.formatIp(address)

const nowhere = { ip: null, network: "unknown" }

const placeOf = (remoteAddress: string) => {
  const parsed = NetAddress.ipFromString(remoteAddress)
  if (Result.isFailure(parsed)) return nowhere
  const address = NetAddress.toCanonical(parsed.success)
  return { ip: NetAddress.formatIp(address), network: networkOf(address) }
}

// Clients ask again and again, over the same connection or from behind the same proxy.
const maxRemembered = 10_000

/** Tells where requests come from, once the headers of trusted proxies were applied to them. */
export const makeOriginOf = () => {
  const places = new Map<string, typeof nowhere | ReturnType<typeof placeOf>>()
  const remembered = (remoteAddress: string) => {
    const known = places.get(remoteAddress)
    if (known !== undefined) return known
    if (places.size >= maxRemembered) places.clear()
    const place = placeOf(remoteAddress)
    places.set(remoteAddress, place)
    return place
  }
  return (request: HttpServerRequest.HttpServerRequest): Origin => ({
    ...Option.match(request.remoteAddress, { onNone: () => nowhere, onSome: remembered }),
    userAgent: toLine((request.headers["user-agent"] ?? "").slice(0, maxUserAgentLength))
  })
}
