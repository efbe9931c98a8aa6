import { Context } from "effect"

/** Where a request comes from, for limits, the audit log and the session it opens. */
export interface Origin {
  /** The client's address in canonical form, or null where no client is (a command, a job). */
  readonly ip: string | null
  /** What limits by address count together: the address, of IPv6 its /64, since a client has that many. */
  readonly network: string
  readonly userAgent: string
}

/** The origin of the work at hand; nobody's until the HTTP layer says whose. */
export const CurrentOrigin = Context.Reference<Origin>("@user-service/core/Origin", {
  defaultValue: () => ({ ip: null, network: "local", userAgent: "" })
})
