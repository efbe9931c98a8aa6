import { assert, describe, it } from "@effect/vitest"
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import { AdminApi } from "../../src/http/admin/AdminApi.ts"
import { UserServiceApi } from "../../src/http/UserServiceApi.ts"

const endpointsOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>
): ReadonlyArray<string> => {
  const endpoints: Array<string> = []
  HttpApi.reflect(api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint }) => endpoints.push(`${endpoint.method} ${endpoint.path}`)
  })
  return endpoints
}

describe("the API of the console", () => {
  it("has exactly the endpoints for staff", () => {
    const all = endpointsOf(UserServiceApi).filter((endpoint) => endpoint.includes(" /api/v1/admin/"))
    assert.isAtLeast(all.length, 3)
    assert.sameMembers([...endpointsOf(AdminApi)], all)
  })
})
