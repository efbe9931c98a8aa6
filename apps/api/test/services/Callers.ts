import { UserServiceRpc, ServiceAuthentication } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Context, Effect, Layer, type Scope } from "effect"
import { FetchHttpClient, Headers } from "effect/http"
import { RpcClient, RpcMiddleware, RpcSerialization } from "effect/rpc"
import { hash } from "node:crypto"
import { TestApi } from "../TestApi.ts"

/** A key for everything, as the settings have it. */
export const gatewayKey = "gw-Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

/** An environment in which {@link gatewayKey} is good. */
export const withGateway = { SERVICE_API_KEYS: `gateway:${gatewayKey}` }

/** A key as the file has it. */
export const inFile = (name: string, key: string, scopes: ReadonlyArray<string>, notAfter?: string) => ({
  name,
  sha256: hash("sha256", key),
  scopes,
  ...(notAfter === undefined ? {} : { not_after: notAfter })
})

/** A typed client of the service at the URL, with a key or without. */
export const clientAt = Effect.fnUntraced(function* (url: string, key: string | undefined) {
  const WithKey = RpcMiddleware.layerClient(ServiceAuthentication, ({ next, request }) =>
    next(key === undefined ? request : { ...request, headers: Headers.set(request.headers, apiKeyHeader, key) })
  )
  // For as long as the test: a client that is made apart from its layers would outlive them.
  const context = yield* Layer.build(
    Layer.merge(
      WithKey,
      RpcClient.layerProtocolHttp({ url: `${url}/rpc` }).pipe(
        Layer.provide([RpcSerialization.layerSchemaBinary(), FetchHttpClient.layer])
      )
    )
  )
  return yield* Effect.provideContext(RpcClient.make(UserServiceRpc), context)
})

/** {@link clientAt} the service under test, with {@link gatewayKey} where no other key is named. */
export const client = (...[key]: [] | [key: string | undefined]) =>
  Effect.flatMap(TestApi, ({ url }) => clientAt(url, key ?? gatewayKey))
