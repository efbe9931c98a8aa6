import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"
import { apiKeyHeader } from "../ServiceScopes.ts"

const apiKey = HttpApiSecurity.apiKey({ key: apiKeyHeader }).pipe(
  HttpApiSecurity.annotateMerge(
    OpenApi.annotations({
      description:
        "The key of a service, as its operator has set it. It opens what its scopes say, and no route of users."
    })
  )
)

/** Requires a service key that is good for the endpoint, and counts the call against its limit. */
export class ServiceKey extends HttpApiMiddleware.Service<ServiceKey>()("@user-service/schema/http/ServiceKey", {
  security: { apiKey },
  error: [Failures.Unauthenticated, Failures.ForbiddenScope, Failures.RateLimited, Failures.ServiceUnavailable]
}) {}
