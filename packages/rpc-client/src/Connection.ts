import { maxCalls, ServiceAuthentication, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Context, Effect, Layer, Redacted } from "effect"
import { Headers, HttpClient, HttpClientRequest } from "effect/http"
import { RpcClient, type RpcGroup, RpcMiddleware, RpcSerialization } from "effect/rpc"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as Wire from "./Wire.ts"

/** Where the service is, and the key it knows the caller by. */
export interface Address {
  /** As far as what stands before `/rpc`: `https://users.internal.example.com`. */
  readonly url: string
  readonly apiKey: Redacted.Redacted<string>
}

/** The URL of a path of the service's. */
export const at = ({ url }: Pick<Address, "url">, path: string): string => url.replace(/\/+$/, "") + path

/** The procedures, as they are on the wire. */
export type Procedures = RpcClient.RpcClient<RpcGroup.Rpcs<typeof UserServiceRpc>, RpcClientError>

/** The procedures over HTTP; a call ends at the layer's `timeout`, in milliseconds, where it was not answered. */
export class Connection extends Context.Service<
  Connection,
  {
    /** Each call is a request of its own: for what is large. */
    readonly calls: Procedures
    /** Calls that are made in the same tick share a request: for what is small. */
    readonly lookUps: Procedures
  }
>()("@user-service/rpc-client/Connection") {
  static readonly layer = (address: Address, timeout: number) =>
    Layer.effect(Connection, make(address, timeout)).pipe(Layer.provide(envelope(address)))
}

// The key goes with each call, so that it is in no header of a request that others trace or log.
const envelope = ({ apiKey }: Address) =>
  Layer.merge(
    RpcSerialization.layerSchemaBinary(),
    RpcMiddleware.layerClient(ServiceAuthentication, ({ next, request }) =>
      next({ ...request, headers: Headers.set(request.headers, apiKeyHeader, Redacted.value(apiKey)) })
    )
  )

const make = Effect.fnUntraced(function* (address: Address, timeout: number) {
  const endpoint = {
    http: HttpClient.filterStatusOk(yield* HttpClient.HttpClient),
    request: HttpClientRequest.post(at(address, "/rpc")),
    timeout
  }
  const over = (protocol: RpcClient.Protocol["Service"]) =>
    // Requests have spans, and so have the methods of the client.
    RpcClient.make(UserServiceRpc, { disableTracing: true }).pipe(Effect.provideService(RpcClient.Protocol, protocol))
  return {
    calls: yield* over(yield* Wire.single(endpoint)),
    lookUps: yield* over(yield* Wire.shared(endpoint, maxCalls))
  }
})
