import { Context } from "effect"
import { FindMyWay, HttpMethod } from "effect/http"
import { HttpApi } from "effect/http-api"
import { Probe } from "@user-service/schema/http/Documented"
import { routerConfig } from "@user-service/schema/http/Paths"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"

/** A route's path as it was declared, for the methods of one. */
interface Route {
  readonly path: string
}

const table = FindMyWay.make<Route>(routerConfig)
const methods = new Set<HttpMethod.HttpMethod>()
const probes = new Set<string | undefined>(["/metrics"])

/** The routes outside the HTTP API: pages and probes with formats of their own. */
export const plainRoutes = [
  "/",
  "/metrics",
  "/.well-known/jwks.json",
  "/api/schema",
  "/api/schema.yml",
  "/api/asyncapi",
  "/api/docs",
  "/api/docs/asyncapi",
  "/api/docs/swagger",
  "/api/docs/redoc",
  "/api/docs/assets/:file"
] as const

/** Where the service side is served as RPC. */
export const rpcPath = "/rpc"

const add = (method: HttpMethod.HttpMethod, path: `/${string}`) => {
  methods.add(method)
  table.on(method, path, { path })
}

HttpApi.reflect(UserServiceApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, mergedAnnotations }) => {
    add(endpoint.method, endpoint.path as `/${string}`)
    if (Context.get(mergedAnnotations, Probe)) probes.add(endpoint.path)
  }
})
for (const path of plainRoutes) add("GET", path)
add("POST", rpcPath)

/** The declared path a request falls on, for logs and metrics: never one with an id in it; none where it falls on no route. */
export const routeOf = (method: string, url: string): string | undefined =>
  HttpMethod.isHttpMethod(method) ? table.find(method === "HEAD" ? "GET" : method, url)?.handler.path : undefined

/** Whether machines ask for the route that know the service by its address, over plain HTTP, inside the cluster. */
export const isProbe = (route: string | undefined): boolean => probes.has(route)

/** Whether other services ask for the route, with up to a thousand recipients in one call. */
export const isServiceSide = (route: string | undefined): boolean =>
  route === rpcPath || route?.startsWith("/internal/v1/") === true

const passwordRoutes: ReadonlySet<string | undefined> = new Set([
  "/api/v1/users/register/",
  "/api/v1/users/login/",
  "/api/v1/users/change-password/"
])

/** Whether what falls on the route waits for the hash of a password, and so can wait for others too. */
export const hashesPassword = (route: string | undefined): boolean => passwordRoutes.has(route)

/** The methods that have a route at this address, as the `Allow` header of a 405 lists them (RFC 9110, section 15.5.6). */
export const allowedMethods = (url: string): ReadonlyArray<string> => {
  const allowed = [...methods].filter((method) => table.find(method, url) !== undefined)
  return allowed.includes("GET") ? [...allowed, "HEAD"] : allowed
}
