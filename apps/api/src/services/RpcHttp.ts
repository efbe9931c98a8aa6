import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { Effect, Layer, Predicate } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { RpcSerialization, RpcServer } from "effect/rpc"
import { failure } from "../http/Answers.ts"
import { rpcPath } from "../http/Routes.ts"
import * as RpcExchange from "./RpcExchange.ts"

const hasTag = (message: unknown, tag: string): boolean =>
  Predicate.hasProperty(message, "_tag") && message._tag === tag

// Of what a client may say over HTTP, calls, and not so many that their answers do not fit in memory; each under an id of
// its own, since the library waits for ever for one it has twice.
const judge = (messages: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const calls = messages.filter((message) => hasTag(message, "Request"))
  const ids = new Set(calls.map((call) => Predicate.hasProperty(call, "id") && call.id))
  if (messages.length === 0) throw new Error("There is no whole call in the body")
  if (calls.length < messages.length) throw new Error("Only calls can be made here")
  if (calls.length > maxCalls) throw new Error(`At most ${maxCalls} calls can be made at once`)
  if (ids.size < calls.length) throw new Error("Each call needs an id of its own")
  return messages
}

const Serialization = Layer.effect(
  RpcSerialization.RpcSerialization,
  Effect.map(RpcSerialization.RpcSerialization, (serialization) =>
    RpcSerialization.RpcSerialization.of({
      ...serialization,
      makeUnsafe: () => {
        const { decode, encode } = serialization.makeUnsafe()
        return { decode: (data) => judge(decode(data)), encode }
      }
    })
  )
).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))

const unsupported = Effect.succeed(
  failure(415, "unsupported_media_type", "The request body must be a call in the binary form of effect/rpc")
)

/** `POST /rpc`: {@link UserServiceRpc}, one or more calls a request. */
export const RpcHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { contentType } = yield* RpcSerialization.RpcSerialization
    const { answer, protocol } = yield* RpcExchange.make
    yield* RpcServer.make(UserServiceRpc, {
      // The request has a span, and so have the services that take their time.
      disableTracing: true,
      disableFatalDefects: true
    }).pipe(Effect.provideService(RpcServer.Protocol, protocol), Effect.forkScoped)
    yield* router.add(
      "POST",
      rpcPath,
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        request.headers["content-type"] === contentType ? answer : unsupported
      )
    )
  })
).pipe(Layer.provide(Serialization))
