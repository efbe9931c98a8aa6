import { assert, describe, it } from "@effect/vitest"
import { hasRole, Role } from "@user-service/domain/Role"
import { RequiredRole, StaffAuthentication } from "@user-service/schema/http/admin/StaffAuthentication"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Context, Effect } from "effect"
import { HttpApi } from "effect/http-api"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { signIn, staff } from "./Staff.ts"

interface StaffRoute {
  readonly method: string
  readonly path: string
  readonly required: Role
}

const routes: Array<StaffRoute> = []
HttpApi.reflect(UserServiceApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, middleware }) => {
    const isForStaff = [...middleware].some(({ key }) => key === StaffAuthentication.key)
    if (isForStaff) {
      const required = Context.get(endpoint.annotations, RequiredRole)
      routes.push({ method: endpoint.method, path: endpoint.path.replaceAll(/:\w+/g, absentId), required })
    }
    assert.strictEqual(
      isForStaff,
      endpoint.path.startsWith("/api/v1/admin/") && !(endpoint.method === "POST" && endpoint.path.endsWith("/session/"))
    )
  }
})

const serviceKey = "a-key-of-a-service-0123456789abcdefghijkl"

describe("the routes of staff", () => {
  it.layer(layerEmbedded({ SERVICE_API_KEYS: `gateway:${serviceKey}` }))((it) => {
    it.effect("are closed without credentials, with the key of a service, and to users without a role", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const user = yield* person()
        for (const { method, path } of routes) {
          const body = method === "GET" ? {} : { body: {} }
          const codes = [
            (yield* send(method, path, body)).body.code,
            (yield* send(method, path, { ...body, headers: { "x-api-key": serviceKey } })).body.code,
            (yield* send(method, path, { ...body, token: user.access })).body.code,
            (yield* send(method, path.replace(absentId, user.id), { ...body, token: user.access })).body.code
          ]
          assert.deepStrictEqual(
            codes,
            ["authentication_required", "authentication_required", "not_found", "not_found"],
            `${method} ${path}`
          )
        }
      })
    )

    it.effect("are open to their role and higher ones, by access token and by cookie", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const role of Role.literals) {
          const member = yield* staff(role)
          const sendFromConsole = yield* signIn(member)
          // The end of the session last.
          for (const { method, path, required } of routes.toSorted(
            (a, b) => Number(a.method === "DELETE") - Number(b.method === "DELETE")
          )) {
            if (path.endsWith("/session/") && method === "DELETE") continue
            const body = method === "GET" ? {} : { body: {} }
            for (const answer of [
              yield* send(method, path, { ...body, token: member.access }),
              yield* sendFromConsole(method, path, body)
            ]) {
              const isForbidden = answer.status === 403
              assert.strictEqual(isForbidden, !hasRole(role, required), `${role}: ${method} ${path}`)
              assert.notStrictEqual(answer.status, 401, `${role}: ${method} ${path}`)
            }
          }
        }
      })
    )
  })
})
