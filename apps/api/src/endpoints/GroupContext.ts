import { StaffAuthentication } from "@user-service/schema/http/admin/StaffAuthentication"
import { Authentication } from "@user-service/schema/http/Authentication"
import { ServiceKey } from "@user-service/schema/http/ServiceKey"
import { Validation } from "@user-service/schema/http/Validation"
import { WriteLimit } from "@user-service/schema/http/WriteLimit"
import { Context, Effect, Layer, Scope } from "effect"

type Middlewares = Authentication | ServiceKey | StaffAuthentication | Validation | WriteLimit

/**
 * Builds a group of endpoints in a context that has only the middlewares and `services`. Effect copies the context in which a
 * group is built into the context of each of its requests, so it has to be small (decision 0013).
 */
export const narrowContext = <const Services extends ReadonlyArray<Context.Key<unknown, unknown>>>(
  ...services: Services
) => {
  const pick = Context.pick(
    Scope.Scope,
    Authentication,
    ServiceKey,
    StaffAuthentication,
    Validation,
    WriteLimit,
    ...services
  )
  return <A, E, R extends Middlewares | Context.Service.Identifier<Services[number]>>(group: Layer.Layer<A, E, R>) =>
    Layer.effectContext(
      Effect.updateContext(Layer.build(group), (context: Context.Context<R | Scope.Scope>) =>
        Context.makeUnsafe<R | Scope.Scope>(pick(context).mapUnsafe)
      )
    )
}
