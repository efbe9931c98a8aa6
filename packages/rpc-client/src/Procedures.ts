import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { RpcClient, type RpcGroup, RpcSerialization } from "effect/rpc"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { type Address, at, checkAddress } from "./Address.ts"

type Client = RpcClient.RpcClient<RpcGroup.Rpcs<typeof UserServiceRpc>, RpcClientError>

/** The procedures of the service over HTTP. A call is made once, and waits for its answer without a timeout. */
export class Procedures extends Context.Service<
  Procedures,
  {
    /** Each call is a request of its own: for large calls. */
    readonly calls: Client
    /** Calls of the same tick share a request: for small calls. */
    readonly lookUps: Client
  }
>()("@user-service/rpc-client/Procedures") {
  static readonly layer = (address: Address) =>
    Layer.effect(Procedures, make(address)).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))
}

const make = Effect.fnUntraced(function* (address: Address) {
  yield* checkAddress(address)
  const { contentType } = yield* RpcSerialization.RpcSerialization
  const post = HttpClientRequest.setHeader(
    HttpClientRequest.post(at(address, "/rpc")),
    apiKeyHeader,
    Redacted.value(address.apiKey)
  )
  const http = (yield* HttpClient.HttpClient).pipe(
    HttpClient.mapRequest(({ body }) => HttpClientRequest.setBody(post, body)),
    HttpClient.transformResponse(Effect.flatMap(answerIn(contentType)))
  )
  const clientOver = (protocol: RpcClient.Protocol["Service"]) =>
    // The request has a span, and so have the methods of `UserServiceClient`.
    RpcClient.make(UserServiceRpc, { disableTracing: true }).pipe(Effect.provideService(RpcClient.Protocol, protocol))
  return {
    calls: yield* clientOver(yield* RpcClient.makeProtocolHttp(http)),
    lookUps: yield* clientOver(yield* RpcClient.makeProtocolHttp(http, { batch: { window: 0, maxSize: maxCalls } }))
  }
})

// The response with the answers to the calls. A refusal and the page of another server hold none.
const answerIn =
  (contentType: string) =>
  (
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
    const { headers, request, status } = response
    if (status === 200 && (headers["content-type"] ?? contentType) === contentType)
      return Effect.succeed(whole(response))
    const reason =
      status === 200
        ? new HttpClientError.DecodeError({ request, response })
        : new HttpClientError.StatusCodeError({ request, response })
    return Effect.fail(new HttpClientError.HttpClientError({ reason }))
  }

// The library reads an answer as a stream, which takes a read some 20 microseconds longer than its bytes at once.
const whole = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse =>
  Object.create(response, {
    stream: { value: Stream.fromEffect(Effect.map(response.arrayBuffer, (bytes) => new Uint8Array(bytes))) }
  })
