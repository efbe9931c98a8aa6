import { Limits } from "@user-service/core/limits/Limits"
import { type RateLimited } from "@user-service/domain/RateLimit"
import { ForbiddenScope, type ServiceScope, type Unauthenticated } from "@user-service/domain/ServiceAccess"
import { type ServiceCaller, ServiceKeys } from "@user-service/security/ServiceKeys"
import { RequiredScope } from "@user-service/schema/ServiceScopes"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Context, Effect, Layer } from "effect"
import { CurrentFacts } from "../endpoints/RequestFacts.ts"

/** The scope in the annotations of a procedure or an endpoint. Throws if there is none, since it must not be served then. */
export const scopeOf = (annotations: Context.Context<never>): ServiceScope => {
  const scope = Context.get(annotations, RequiredScope)
  if (scope === undefined) throw new Error("A part of the service side names no scope")
  return scope
}

/** The calls of other services, over RPC or plain HTTP. */
export class ServiceCalls extends Context.Service<
  ServiceCalls,
  {
    /**
     * Finds the caller by the key. Wrong keys count against the limit of their address; past it the failure is `RateLimited`.
     * Good keys from that address still pass.
     */
    readonly authenticate: (key: string | undefined) => Effect.Effect<ServiceCaller, Unauthenticated | RateLimited>
    /** Makes the call if the caller's key has the scope, and counts the call against the key's limit. */
    readonly admit: (
      caller: ServiceCaller,
      scope: ServiceScope
    ) => <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | ForbiddenScope | RateLimited, R>
  }
>()("@user-service/api/service-side/ServiceCalls") {
  static readonly layerNoDeps = Layer.effect(
    ServiceCalls,
    Effect.gen(function* () {
      const keys = yield* ServiceKeys
      const limits = yield* Limits
      const refusals = yield* CredentialRefusals

      // Logs one line a request, however many of its calls are refused.
      const record = Effect.fnUntraced(function* (reason: string, service?: string) {
        const facts = yield* CurrentFacts
        const refusal = { event: "service_key_refused", reason, service, ip: facts.origin.ip } as const
        if (facts.isRefusalLogged === true) return yield* refusals.count(refusal)
        facts.isRefusalLogged = true
        yield* refusals.record(refusal)
      })

      const refuse = Effect.fnUntraced(function* (error: Unauthenticated) {
        if (error.reason === "missing") return yield* error
        const { origin } = yield* CurrentFacts
        return yield* limits.guard([{ limit: "serviceKeyIp", key: origin.network }])(
          Effect.andThen(record(error.reason), Effect.fail(error))
        )
      })

      const authenticate = Effect.fnUntraced(function* (key: string | undefined) {
        const caller = yield* Effect.catchTag(keys.authenticate(key), "Unauthenticated", refuse)
        const facts = yield* CurrentFacts
        facts.service = caller.name
        return caller
      })

      return {
        authenticate,
        admit: (caller, scope) => (call) =>
          Effect.gen(function* () {
            if (!caller.scopes.has(scope)) {
              yield* record("missing_scope", caller.name)
              return yield* new ForbiddenScope({ scope })
            }
            return yield* limits.guard([{ limit: "serviceKey", key: caller.name }])(call)
          })
      }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(Limits.layer))
}
