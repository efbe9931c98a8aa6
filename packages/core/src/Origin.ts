import { Context, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"

/** The origin of a request, for rate limits, the audit log and new sessions. */
export interface Origin {
  /** The client's address in canonical form, or null without a client (a command, a job). */
  readonly ip: string | null
  /** The key of limits by address: the IPv4 address or the IPv6 /64 network, all of which belongs to one client. */
  readonly network: string
  readonly userAgent: string
}

/** The origin of the current request. The HTTP layer sets it; the default is that of commands and jobs. */
export const CurrentOrigin = Context.Reference<Origin>("@user-service/core/Origin", {
  defaultValue: () => ({ ip: null, network: "local", userAgent: "" })
})

// The owner of one address of an IPv6 /64 usually has all of them, so limits count them together.
const networkOf = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv6Address(address)
    ? IpNetwork.format(IpNetwork.fromAddressUnsafe(address, 64))
    : NetAddress.formatIp(address)

/** The canonical form of an address with its network, see {@link Origin}. Undefined if the text is not an address. */
export const parseAddress = (text: string): { readonly ip: string; readonly network: string } | undefined => {
  const parsed = NetAddress.ipFromString(text)
  if (Result.isFailure(parsed)) return undefined
  const address = NetAddress.toCanonical(parsed.success)
  return { ip: NetAddress.formatIp(address), network: networkOf(address) }
}
