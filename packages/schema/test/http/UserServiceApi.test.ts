import { assert, describe, it } from "@effect/vitest"
import { StaffAuthentication } from "@user-service/schema/http/admin/StaffAuthentication"
import { Authentication } from "@user-service/schema/http/Authentication"
import { ServiceKey } from "@user-service/schema/http/ServiceKey"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Validation } from "@user-service/schema/http/Validation"
import { WriteLimit } from "@user-service/schema/http/WriteLimit"
import { RequiredScope } from "@user-service/schema/ServiceScopes"
import { Context, Schema } from "effect"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"

interface Reflected {
  readonly route: string
  readonly endpoint: HttpApiEndpoint.Top
  readonly needsToken: boolean
  readonly needsKey: boolean
  readonly isValidated: boolean
  readonly isWriteLimited: boolean
  /** Every failure there may be, as `status name`. */
  readonly failures: ReadonlyArray<string>
}

const endpoints: Array<Reflected> = []
HttpApi.reflect(UserServiceApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, errors, middleware }) => {
    const failures = Array.from(errors, ([status, schemas]) =>
      schemas.map((schema) => `${status} ${Schema.resolveAnnotations(schema)?.identifier}`)
    ).flat()
    const keys = new Set(Array.from(middleware, ({ key }) => key))
    endpoints.push({
      route: `${endpoint.method} ${endpoint.path}`,
      endpoint,
      needsToken: keys.has(Authentication.key) || keys.has(StaffAuthentication.key),
      needsKey: keys.has(ServiceKey.key),
      isValidated: keys.has(Validation.key),
      isWriteLimited: keys.has(WriteLimit.key),
      failures
    })
  }
})

describe("UserServiceApi", () => {
  it("exactly these endpoints need no token", () => {
    assert.deepStrictEqual(
      endpoints.filter(({ needsKey, needsToken }) => !needsToken && !needsKey).map(({ route }) => route),
      [
        "POST /api/v1/users/register/",
        "POST /api/v1/users/login/",
        "POST /api/v1/users/token/refresh/",
        "POST /api/v1/users/token/verify/",
        // Ends the session of a bearer whose token has expired, or of a refresh token in the body.
        "POST /api/v1/users/logout/",
        // For users who cannot log in. The confirmations are authenticated by their one-time token.
        "POST /api/v1/users/password-reset/",
        "POST /api/v1/users/password-reset/confirm/",
        "POST /api/v1/users/verify-email/confirm/",
        "POST /api/v1/users/change-email/confirm/",
        "POST /api/v1/admin/session/",
        "GET /health",
        "GET /api/v1/users/health/",
        "GET /health/live",
        "GET /health/ready"
      ]
    )
  })

  it.each(endpoints.filter(({ needsToken }) => needsToken))(
    "$route declares the failure without a token",
    ({ failures }) => {
      assert.includeMembers(
        [...failures],
        ["401 AuthenticationRequired", "401 TokenInvalid", "401 TokenExpired", "503 ServiceUnavailable"]
      )
    }
  )

  // The search of users changes nothing: it is a POST because of its body.
  it("every change by a user counts as a write, except those with their own limit and those that end sessions", () => {
    assert.deepStrictEqual(
      endpoints
        .filter(
          ({ endpoint, isWriteLimited, needsToken }) => needsToken && endpoint.method !== "GET" && !isWriteLimited
        )
        .map(({ route }) => route),
      [
        "POST /api/v1/users/change-password/",
        "POST /api/v1/users/logout-all/",
        "DELETE /api/v1/users/sessions/:id/",
        "DELETE /api/v1/users/profile/",
        "POST /api/v1/users/verify-email/",
        "POST /api/v1/users/change-email/",
        "DELETE /api/v1/admin/session/",
        "POST /api/v1/admin/users/search/"
      ]
    )
    for (const { endpoint, failures, isWriteLimited, needsToken, route } of endpoints) {
      if (!isWriteLimited) continue
      assert.isTrue(needsToken && endpoint.method !== "GET", route)
      assert.include(failures, "429 RateLimited", route)
    }
  })

  it("exactly the endpoints of the service side need a key, and each declares its scope", () => {
    assert.deepStrictEqual(
      endpoints
        .filter(({ needsKey }) => needsKey)
        .map(({ endpoint, needsToken, route }) => [
          route,
          Context.get(endpoint.annotations, RequiredScope),
          needsToken
        ]),
      [
        ["POST /internal/v1/tokens/introspect", "introspect", false],
        ["GET /internal/v1/users/:id", "users", false],
        ["POST /internal/v1/users/batch", "users", false],
        ["GET /internal/v1/users/:id/preferences", "users", false],
        ["GET /internal/v1/users/:id/push-tokens", "tokens", false],
        ["POST /internal/v1/deliveries/resolve", "deliveries", false],
        ["POST /internal/v1/deliveries/status", "deliveries", false]
      ]
    )
  })

  it.each(endpoints.filter(({ needsKey }) => needsKey))(
    "$route declares the failure without a valid key",
    ({ failures }) => {
      assert.includeMembers(
        [...failures],
        ["401 Unauthenticated", "403 ForbiddenScope", "429 RateLimited", "503 ServiceUnavailable"]
      )
    }
  )

  it.each(endpoints.filter(({ route }) => !route.includes("health")))(
    "$route declares the failure of an invalid input",
    ({ failures, isValidated }) => {
      assert.isTrue(isValidated)
      assert.includeMembers([...failures], ["400 MalformedJson", "422 InvalidInput"])
    }
  )

  it.each(endpoints.filter(({ route }) => route.startsWith("GET")))(
    "$route changes nothing and has no request body",
    (one) => {
      assert.strictEqual(one.endpoint.payload.size, 0)
    }
  )

  it("every path has its slash at the end, as the contract writes it, but for the probes and the service side", () => {
    assert.deepStrictEqual(
      endpoints
        .filter(({ endpoint }) => !endpoint.path.endsWith("/") && !endpoint.path.startsWith("/internal/v1/"))
        .map(({ endpoint }) => endpoint.path),
      ["/health", "/health/live", "/health/ready"]
    )
  })
})
