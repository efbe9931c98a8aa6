import type { Origin } from "@user-service/core/Origin"
import { toLine } from "@user-service/domain/Text"
import { Option, Result } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"

const maxUserAgentLength = 500

// The owner of one address of an IPv6 /64 usually has all of them, so limits count them together.
const networkOf = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv6Address(address)
    ? IpNetwork.format(IpNetwork.fromAddressUnsafe(address, 64))
    : NetAddress.formatIp(address)

const unknownAddress = { ip: null, network: "unknown" }

const addressOf = (remoteAddress: string) => {
  const parsed = NetAddress.ipFromString(remoteAddress)
  if (Result.isFailure(parsed)) return unknownAddress
  const address = NetAddress.toCanonical(parsed.success)
  return { ip: NetAddress.formatIp(address), network: networkOf(address) }
}

// Parsed addresses are cached: most clients send many requests.
const maxCached = 10_000

/** Makes a function that returns a request's origin. The headers of trusted proxies have to be applied before. */
export const makeOriginOf = () => {
  const addresses = new Map<string, typeof unknownAddress | ReturnType<typeof addressOf>>()
  const cachedAddressOf = (remoteAddress: string) => {
    const cached = addresses.get(remoteAddress)
    if (cached !== undefined) return cached
    if (addresses.size >= maxCached) addresses.clear()
    const address = addressOf(remoteAddress)
    addresses.set(remoteAddress, address)
    return address
  }
  return (request: HttpServerRequest.HttpServerRequest): Origin => ({
    ...Option.match(request.remoteAddress, { onNone: () => unknownAddress, onSome: cachedAddressOf }),
    userAgent: toLine((request.headers["user-agent"] ?? "").slice(0, maxUserAgentLength))
  })
}
