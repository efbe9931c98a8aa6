import { Unauthenticated } from "@user-service/domain/ServiceAccess"
import { InternalError, ServiceAuthentication } from "@user-service/schema/rpc/UserServiceRpc"
import type { ServiceCaller } from "@user-service/security/ServiceKeys"
import { Cause, Context, Effect, Layer } from "effect"
import { scopeOf, ServiceCalls } from "./ServiceCalls.ts"

/** The service whose key is in the HTTP header of the request that carries a call. */
export const CurrentCaller = Context.Reference<ServiceCaller | undefined>(
  "@user-service/api/service-side/CurrentCaller",
  { defaultValue: () => undefined }
)

/**
 * {@link ServiceAuthentication} of the {@link CurrentCaller} by the scope of each procedure. It logs a defect of the handler
 * and answers `InternalError`, since the library would send the defect's message to the caller.
 */
export const ServiceAuthenticationRpc = Layer.effect(
  ServiceAuthentication,
  Effect.map(
    ServiceCalls,
    ({ admit }) =>
      (handler, { rpc }) =>
        Effect.catchCauseIf(
          Effect.flatMap(CurrentCaller, (caller) =>
            caller === undefined
              ? Effect.fail(new Unauthenticated({ reason: "missing" }))
              : admit(caller, scopeOf(rpc.annotations))(handler)
          ),
          Cause.hasDies,
          Effect.fnUntraced(function* (cause) {
            yield* Effect.logError("Unexpected error in a call", cause)
            return yield* new InternalError()
          })
        )
  )
).pipe(Layer.provide(ServiceCalls.layer))
