import { maxCalls } from "@user-service/schema/rpc/UserServiceRpc"
import { Effect, Layer, Predicate } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { RpcSerialization } from "effect/rpc"
import { failure } from "../http/Answers.ts"
import { rpcPath } from "../http/Routes.ts"
import * as RpcExchange from "./RpcExchange.ts"
import * as RpcProcedures from "./RpcProcedures.ts"

const hasTag = (message: unknown, tag: string): boolean =>
  Predicate.hasProperty(message, "_tag") && message._tag === tag

const hasField = (message: unknown, field: string): boolean =>
  Predicate.hasProperty(message, field) && message[field] !== undefined

// Of what a client may say, calls that wait for their answer, and not so many that the answers do not fit in memory; each
// under an id of its own, by which its answer is known.
const judge = (messages: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const calls = messages.filter((message) => hasTag(message, "Request"))
  const ids = new Set(calls.map((call) => Predicate.hasProperty(call, "id") && call.id))
  const isUnanswered = (call: unknown) => hasField(call, "isNotification") || hasField(call, "discard")
  if (messages.length === 0) throw new Error("There is no whole call in the body")
  if (calls.length < messages.length) throw new Error("Only calls can be made here")
  if (calls.some(isUnanswered)) throw new Error("A call has to wait for its answer here")
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
    const answer = yield* RpcExchange.make(yield* RpcProcedures.make)
    yield* router.add(
      "POST",
      rpcPath,
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        request.headers["content-type"] === contentType ? answer : unsupported
      )
    )
  })
).pipe(Layer.provide(Serialization))
