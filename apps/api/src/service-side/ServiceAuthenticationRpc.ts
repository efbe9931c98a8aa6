import { InternalError, ServiceAuthentication } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Cause, Effect, Layer } from "effect"
import { scopeOf, ServiceCalls } from "./ServiceCalls.ts"

/**
 * {@link ServiceAuthentication} by the configured keys and the scope of each procedure. It logs a defect of the handler and
 * answers `InternalError`, since the library would send the defect's message to the caller.
 */
export const ServiceAuthenticationRpc = Layer.effect(
  ServiceAuthentication,
  Effect.map(
    ServiceCalls,
    ({ admit }) =>
      (handler, { headers, rpc }) =>
        Effect.catchCauseIf(
          admit(headers[apiKeyHeader], scopeOf(rpc.annotations))(handler),
          Cause.hasDies,
          Effect.fnUntraced(function* (cause) {
            yield* Effect.logError("A call failed for a reason of ours", cause)
            return yield* new InternalError()
          })
        )
  )
)
