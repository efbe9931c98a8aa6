import type { Origin } from "@user-service/core/Origin"
import type { UserId } from "@user-service/domain/User"
import { Context } from "effect"

/** What is known of the request at hand; filled in on its way and written to the access log at its end. */
export interface RequestFacts {
  readonly requestId: string
  /** The path that was declared for it; none where it falls on no route. */
  readonly route?: string | undefined
  /** The trace the client began, or the server's own where one is exported. */
  readonly traceId?: string | undefined
  readonly origin: Origin
  /** Whose access token it carries, once that was checked. */
  userId?: UserId
  /** The name of the service key it was made with, once that was checked. */
  service?: string
  /** Whether the log has a line already of a service key that was refused. */
  isRefusalLogged?: boolean
}

/** The facts of the request a fiber works for. */
export const CurrentFacts = Context.Reference<RequestFacts>("@user-service/api/edge/RequestFacts", {
  defaultValue: () => ({ requestId: "", origin: { ip: null, network: "local", userAgent: "" } })
})
