import { ServiceKey } from "@user-service/schema/http/ServiceKey"
import { Effect, Layer, Redacted } from "effect"
import { scopeOf, ServiceCalls } from "./ServiceCalls.ts"

/** {@link ServiceKey} by the keys that are configured. */
export const ServiceKeyHttp = Layer.effect(
  ServiceKey,
  Effect.map(ServiceCalls, ({ admit }) => ({
    apiKey: (handler, { credential, endpoint }) =>
      admit(Redacted.value(credential), scopeOf(endpoint.annotations))(handler)
  }))
)
