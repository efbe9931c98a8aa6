import { type ByteSize, Context } from "effect"
import { FindMyWay, HttpMethod } from "effect/http"
import { HttpApi } from "effect/http-api"
import { AllRoutesApi } from "@user-service/schema/http/AllRoutesApi"
import { routerConfig } from "@user-service/schema/http/Paths"
import { HashesPassword, IsProbe, MaxBody, serviceMaxBody } from "@user-service/schema/http/RouteFacts"

/** A route and its declared facts. */
export interface Route {
  /** The declared path, with parameters instead of ids. For logs and metrics. */
  readonly path: string
  readonly isProbe: boolean
  readonly hashesPassword: boolean
  readonly maxBody: ByteSize.ByteSize
}

const table = FindMyWay.make<Route>(routerConfig)
const methods = new Set<HttpMethod.HttpMethod>()

/** The path of the console. All paths below it are pages or assets of it. */
export const consolePath = "/admin"

// The documentation pages and the console, which are not in the OpenAPI document.
const pages = [
  "/",
  "/api/docs",
  "/api/docs/asyncapi",
  "/api/docs/swagger",
  "/api/docs/redoc",
  "/api/docs/assets/:file",
  consolePath,
  `${consolePath}/*`
] as const

/** The path of the pages behind links in mails. */
export const unsubscribePath = "/u/:token"

/** The path of RPC. */
export const rpcPath = "/rpc"

const add = (method: HttpMethod.HttpMethod, path: `/${string}`, facts: Context.Context<never>) => {
  methods.add(method)
  table.on(method, path, {
    path,
    isProbe: Context.get(facts, IsProbe),
    hashesPassword: Context.get(facts, HashesPassword),
    maxBody: Context.get(facts, MaxBody)
  })
}

HttpApi.reflect(AllRoutesApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, mergedAnnotations }) =>
    add(endpoint.method, endpoint.path as `/${string}`, mergedAnnotations)
})
for (const path of pages) add("GET", path, Context.empty())
add("POST", rpcPath, Context.make(MaxBody, serviceMaxBody))

/** The route that matches a request, if any. */
export const routeOf = (method: string, url: string): Route | undefined =>
  HttpMethod.isHttpMethod(method) ? table.find(method === "HEAD" ? "GET" : method, url)?.handler : undefined

/** The methods that have a route at this URL, for the `Allow` header of a 405 (RFC 9110, section 15.5.6). */
export const allowedMethods = (url: string): ReadonlyArray<string> => {
  const allowed = [...methods].filter((method) => table.find(method, url) !== undefined)
  return allowed.includes("GET") ? [...allowed, "HEAD"] : allowed
}
