import { AllRoutesApi } from "@user-service/schema/http/AllRoutesApi"
import { HttpApi } from "effect/http-api"

const paths = (): ReadonlyArray<string> => {
  const found = new Set<string>([
    "/",
    "/api/docs",
    "/api/docs/swagger",
    "/api/docs/redoc",
    "/api/docs/asyncapi",
    "/admin",
    "/admin/",
    "/admin/assets/x",
    "/rpc"
  ])
  HttpApi.reflect(AllRoutesApi, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint }) => found.add(endpoint.path.replaceAll(/:(\w+)/g, "x"))
  })
  return [...found].toSorted()
}

const isInternal = (path: string): boolean =>
  /^\/(?:rpc|internal|metrics|health|api\/v1\/users\/health)(?:\/|$)/.test(path)

/** The paths of the API that clients outside the deployment may reach, with `x` for each parameter. */
export const publicPaths: ReadonlyArray<string> = paths().filter((path) => !isInternal(path))

/** The paths for services and probes inside the deployment. */
export const internalPaths: ReadonlyArray<string> = paths().filter(isInternal)
