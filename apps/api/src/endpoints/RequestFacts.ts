import type { Origin } from "@user-service/core/Origin"
import type { UserId } from "@user-service/domain/User"
import { Context } from "effect"

/** The facts of a request that its access log line needs. Some are added while it is handled. */
export interface RequestFacts {
  readonly requestId: string
  /** The declared path of the route, if one matches. */
  readonly route?: string | undefined
  /** The trace of the server, or of the client if this process exports no traces. */
  readonly traceId?: string | undefined
  readonly origin: Origin
  /** The user of the access token, after authentication. */
  userId?: UserId
  /** The name of the service key, after authentication. */
  service?: string
  /** Whether the refusal of the service key has been logged. */
  isRefusalLogged?: boolean
}

/** The facts of the current request. */
export const CurrentFacts = Context.Reference<RequestFacts>("@user-service/api/endpoints/RequestFacts", {
  defaultValue: () => ({ requestId: "", origin: { ip: null, network: "local", userAgent: "" } })
})
