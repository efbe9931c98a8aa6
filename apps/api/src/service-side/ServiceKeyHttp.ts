import { ServiceKey } from "@user-service/schema/http/ServiceKey"
import { Effect, Layer, Redacted } from "effect"
import { scopeOf, ServiceCalls } from "./ServiceCalls.ts"

/** {@link ServiceKey} by the configured keys and the scope of each endpoint. */
export const ServiceKeyHttp = Layer.effect(
  ServiceKey,
  Effect.map(ServiceCalls, ({ admit, authenticate }) => ({
    apiKey: (handler, { credential, endpoint }) =>
      Effect.flatMap(authenticate(Redacted.value(credential)), (caller) =>
        admit(caller, scopeOf(endpoint.annotations))(handler)
      )
  }))
).pipe(Layer.provide(ServiceCalls.layer))
