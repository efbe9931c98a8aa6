import { InternalError, ServiceAuthentication } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Cause, Effect, Layer } from "effect"
import { scopeOf, ServiceCalls } from "./ServiceCalls.ts"

/**
 * {@link ServiceAuthentication} by the keys that are configured. A defect is logged here and answered without a word of
 * what it was: the library would write its message to the caller.
 */
export const ServiceAuthenticationRpc = Layer.effect(
  ServiceAuthentication,
  Effect.map(
    ServiceCalls,
    ({ admit }) =>
      (handler, { headers, rpc }) =>
        admit(
          headers[apiKeyHeader],
          scopeOf(rpc.annotations)
        )(handler).pipe(
          Effect.catchCauseIf(Cause.hasDies, (cause) =>
            Effect.andThen(
              Effect.logError("A call failed for a reason of ours", cause),
              Effect.fail(new InternalError())
            )
          )
        )
  )
)
