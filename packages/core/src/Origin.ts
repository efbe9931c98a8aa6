import { Context } from "effect"

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
