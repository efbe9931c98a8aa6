import { type Origin, parseAddress } from "@user-service/core/Origin"
import { toLine } from "@user-service/domain/Text"
import { Option } from "effect"
import type { HttpServerRequest } from "effect/http"

const maxUserAgentLength = 500

const unknownAddress = { ip: null, network: "unknown" }

// Parsed addresses are cached: most clients send many requests.
const maxCached = 10_000

/** Makes a function that returns a request's origin. The headers of trusted proxies have to be applied before. */
export const makeOriginOf = () => {
  const addresses = new Map<string, Pick<Origin, "ip" | "network">>()
  const cachedAddressOf = (remoteAddress: string) => {
    const cached = addresses.get(remoteAddress)
    if (cached !== undefined) return cached
    if (addresses.size >= maxCached) addresses.clear()
    const address = parseAddress(remoteAddress) ?? unknownAddress
    addresses.set(remoteAddress, address)
    return address
  }
  return (request: HttpServerRequest.HttpServerRequest): Origin => ({
    ...Option.match(request.remoteAddress, { onNone: () => unknownAddress, onSome: cachedAddressOf }),
    userAgent: toLine((request.headers["user-agent"] ?? "").slice(0, maxUserAgentLength))
  })
}
