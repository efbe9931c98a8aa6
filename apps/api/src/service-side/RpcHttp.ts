import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { RpcSerialization } from "effect/rpc"
import { failure } from "../endpoints/Answers.ts"
import { rpcPath } from "../edge/Routes.ts"
import * as RpcExchange from "./RpcExchange.ts"
import * as RpcProcedures from "./RpcProcedures.ts"

const unsupported = Effect.succeed(
  failure(415, "unsupported_media_type", "The request body must be a call in the binary form of effect/rpc")
)

/** `POST /rpc`: {@link UserServiceRpc}, one or more calls a request. */
export const RpcHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { contentType } = yield* RpcSerialization.RpcSerialization
    const answer = yield* RpcExchange.make(yield* RpcProcedures.make)
    yield* router.add(
      "POST",
      rpcPath,
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        request.headers["content-type"] === contentType ? answer : unsupported
      )
    )
  })
).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))
