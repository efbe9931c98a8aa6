// Calls by Effect's RpcClient, with a protocol that reads a response as a whole (decision 0016).
import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Cause, Context, Duration, Effect, Layer, Predicate, Redacted } from "effect"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { RpcClient, type RpcGroup, RpcSerialization } from "effect/rpc"
import { RpcClientDefect, RpcClientError } from "effect/rpc/RpcClientError"
import { type FromServerEncoded, isTerminalResponse, type RequestEncoded } from "effect/rpc/RpcMessage"
import { type Address, at, checkAddress } from "./Address.ts"
import { longestAttempt, type Patience } from "./Resilience.ts"

type Client = RpcClient.RpcClient<RpcGroup.Rpcs<typeof UserServiceRpc>, RpcClientError>

/** The procedures of the service over HTTP, without retries. `Resilience` ends the calls at the timeout. */
export class Procedures extends Context.Service<
  Procedures,
  {
    /** Each call is an HTTP request of its own, which ends with the call. */
    readonly calls: Client
    /** Calls of the same tick share one HTTP request (request batching), which ends at the timeout. For small calls. */
    readonly lookUps: Client
  }
>()("@user-service/rpc-client/Procedures") {
  static readonly layer = (options: Address & Patience) =>
    Layer.effect(Procedures, make(options)).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))
}

const make = Effect.fnUntraced(function* (options: Address & Patience) {
  yield* checkAddress(options)
  const { contentType } = yield* RpcSerialization.RpcSerialization
  const post = HttpClientRequest.setHeader(
    HttpClientRequest.post(at(options, "/rpc")),
    apiKeyHeader,
    Redacted.value(options.apiKey)
  )
  const http = (yield* HttpClient.HttpClient).pipe(
    HttpClient.mapRequest(({ body }) => HttpClientRequest.setBody(post, body)),
    HttpClient.transformResponse(Effect.flatMap(answerIn(contentType)))
  )
  const clientOver = (protocol: RpcClient.Protocol["Service"]) =>
    // The request has a span, and so have the methods of `UserServiceClient`.
    RpcClient.make(UserServiceRpc, { disableTracing: true }).pipe(Effect.provideService(RpcClient.Protocol, protocol))
  const batch = { window: 0, maxSize: maxCalls }
  return {
    calls: yield* clientOver(yield* makeProtocol(http)),
    lookUps: yield* clientOver(yield* RpcClient.makeProtocolHttp(limitTo(http, longestAttempt(options)), { batch }))
  }
})

// Aborts a request whose response, with its whole body, has not arrived after this time. The library runs a shared request
// apart from the calls in it, so that it goes on after they have timed out.
const limitTo = (http: HttpClient.HttpClient, duration: Duration.Duration) =>
  HttpClient.transform(http, (response, request) =>
    response.pipe(
      Effect.flatMap((streamed) =>
        Effect.map(streamed.arrayBuffer, (body) => HttpClientResponse.fromWeb(request, new Response(body)))
      ),
      Effect.timeoutOrElse({
        duration,
        orElse: () => {
          const cause = new Cause.TimeoutError(`none within ${Duration.format(duration)}`)
          return Effect.fail(
            new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
          )
        }
      })
    )
  )

// Fails for a response without answers to calls, such as a refusal of the service or the page of another server.
const answerIn =
  (contentType: string) =>
  (
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
    const { headers, request, status } = response
    if (status === 200 && (headers["content-type"] ?? contentType) === contentType) return Effect.succeed(response)
    const reason =
      status === 200
        ? new HttpClientError.DecodeError({ request, response })
        : new HttpClientError.StatusCodeError({ request, response })
    return Effect.fail(new HttpClientError.HttpClientError({ reason }))
  }

// The protocol of one HTTP request per call. The library's own, `makeProtocolHttp`, reads the answer as a stream, which takes
// a read some 20 microseconds longer.
const makeProtocol = (http: HttpClient.HttpClient) =>
  RpcClient.Protocol.make(
    Effect.fnUntraced(function* (write) {
      const { codecFor, contentType, makeUnsafe } = yield* RpcSerialization.RpcSerialization
      const sendCall = Effect.fnUntraced(function* (clientId: number, call: RequestEncoded) {
        const { decode, encode } = makeUnsafe()
        const encoded = encode(call) ?? ""
        const body = Predicate.isString(encoded)
          ? HttpBody.text(encoded, contentType)
          : HttpBody.uint8Array(encoded, contentType)
        const bytes = yield* http.post("", { body }).pipe(
          Effect.flatMap((response) => response.arrayBuffer),
          Effect.mapError(
            (error) => new RpcClientError({ reason: HttpClientError.HttpClientErrorSchema.fromHttpClientError(error) })
          )
        )
        const messages = yield* Effect.try({
          try: () => decode(new Uint8Array(bytes)) as ReadonlyArray<FromServerEncoded>,
          catch: (cause) => defect("The answer cannot be decoded", cause)
        })
        for (const message of messages) {
          // The library ends all calls of the client with a defect, but this one can only concern the call of its request.
          if (message._tag === "Defect") return yield* defect("The answer is a defect of the service", message.defect)
          yield* write(clientId, message)
        }
        const isAnswered = messages.some(
          (message) => isTerminalResponse(message) && !("requestId" in message && message.requestId !== call.id)
        )
        if (!isAnswered) return yield* defect("There is no answer to the call", call)
      })
      return {
        send: (clientId, message) => (message._tag === "Request" ? sendCall(clientId, message) : Effect.void),
        supportsAck: false,
        supportsTransferables: false,
        codecFor
      }
    })
  )

const defect = (message: string, cause: unknown) =>
  new RpcClientError({ reason: new RpcClientDefect({ message, cause }) })
