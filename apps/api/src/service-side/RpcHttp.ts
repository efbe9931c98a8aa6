import { type RateLimited, rateLimitedHeaders } from "@user-service/domain/RateLimit"
import type { Unauthenticated } from "@user-service/domain/ServiceAccess"
import { UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Effect, Layer, Record, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { rpcPath } from "../endpoints/Routes.ts"
import { failure } from "../endpoints/Answers.ts"
import { BodyNotUtf8 } from "../node/RequestBody.ts"
import * as RpcCalls from "./RpcCalls.ts"
import { CurrentCaller, ServiceAuthenticationRpc } from "./ServiceAuthenticationRpc.ts"
import { ServiceCalls } from "./ServiceCalls.ts"
import { UserServiceRpcHandlers } from "./UserServiceRpcHandlers.ts"

const unsupported = failure(
  415,
  "unsupported_media_type",
  "The request body must be a call in the binary form of effect/rpc"
)

const notUtf8 = failure(400, "malformed_json", new BodyNotUtf8().message)

const unauthenticated = ({ message, reason }: Unauthenticated) =>
  failure(401, reason === "missing" ? "authentication_required" : "invalid_credentials", message)

const rateLimited = (error: RateLimited) =>
  failure(
    429,
    "rate_limited",
    error.message,
    Record.map(rateLimitedHeaders, (headerOf) => headerOf(error))
  )

/**
 * `POST /rpc`: {@link UserServiceRpc}, one or more calls a request. The key in the HTTP header is judged before the body is
 * read, and holds for all calls of the request.
 */
export const RpcHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { authenticate } = yield* ServiceCalls
    const { contentType } = yield* RpcSerialization.RpcSerialization
    const makeCalls = yield* RpcServer.toHttpEffect(UserServiceRpc, {
      // The request has a span, and so have the methods of the services.
      disableTracing: true,
      // A defect ends its own call, and not the other calls of the request.
      disableFatalDefects: true,
      streamBufferSize: "unbounded"
    })

    const answer = Effect.gen(function* () {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      const caller = yield* authenticate(headers[apiKeyHeader])
      if (headers["content-type"] !== contentType) return unsupported
      const response = yield* Effect.provideService(makeCalls, CurrentCaller, caller)
      const { body } = response
      if (body._tag === "Uint8Array" && body.contentLength === 0) return notUtf8
      if (body._tag !== "Stream") return response
      // The library streams the answers to several calls. They are collected, so that the deadline and the access log of the
      // request cover all of them.
      const bytes = yield* Stream.mkUint8Array(Stream.orDie(body.stream))
      return HttpServerResponse.uint8Array(bytes, { contentType })
    }).pipe(
      Effect.catchTags({
        Unauthenticated: (error) => Effect.succeed(unauthenticated(error)),
        RateLimited: (error) => Effect.succeed(rateLimited(error))
      })
    )
    yield* router.add("POST", rpcPath, answer)
  })
).pipe(
  Layer.provide([UserServiceRpcHandlers, ServiceAuthenticationRpc, ServiceCalls.layer, RpcCalls.layerSerialization])
)
