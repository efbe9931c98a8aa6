import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"
import { apiKeyHeader } from "../ServiceScopes.ts"

const apiKey = HttpApiSecurity.apiKey({ key: apiKeyHeader }).pipe(
  HttpApiSecurity.annotateMerge(
    OpenApi.annotations({
      description:
        "The key of a service, set by the operator. It gives access to the endpoints of its scopes, and to no endpoint of users."
    })
  )
)

/** Requires a service key with the endpoint's scope, and counts the call towards the key's limit. */
export class ServiceKey extends HttpApiMiddleware.Service<ServiceKey>()("@user-service/schema/http/ServiceKey", {
  security: { apiKey },
  error: [Failures.Unauthenticated, Failures.ForbiddenScope, Failures.RateLimited, Failures.ServiceUnavailable]
}) {}
