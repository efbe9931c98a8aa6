import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { apiKeyHeader } from "@user-service/schema/ServiceScopes"
import { Effect, Exit, Layer, Predicate, Schema } from "effect"
import { Headers } from "effect/http"
import { Rpc, RpcSerialization, type RpcServer } from "effect/rpc"
import type { ResponseExitEncoded } from "effect/rpc/RpcMessage"
import { CurrentFacts } from "../edge/RequestFacts.ts"
import { ServiceCalls } from "./ServiceCalls.ts"

const isCall = (message: unknown): message is Readonly<Record<string, unknown>> =>
  Predicate.isTagged(message, "Request")

// A call that waits for no answer would go on after its request. Two calls under one id would wait for one answer.
const checkCalls = (messages: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const calls = messages.filter(isCall)
  if (messages.length === 0) throw new Error("There is no whole call in the body")
  if (calls.length < messages.length) throw new Error("Only calls can be made here")
  if (calls.some((call) => call["discard"] === true || call["isNotification"] === true))
    throw new Error("A call has to wait for its answer here")
  if (calls.length > maxCalls) throw new Error(`At most ${maxCalls} calls can be made at once`)
  if (new Set(calls.map((call) => call["id"])).size < calls.length) throw new Error("Each call needs an id of its own")
  return messages
}

const isNotUtf8 = (error: unknown): boolean => {
  if (!Schema.isSchemaError(error) || error.issue._tag !== "Pointer") return false
  const { issue } = error.issue
  return issue._tag === "InvalidValue" && issue.annotations?.["expected"] === "utf-8"
}

type EncodeExit = (exit: unknown) => Effect.Effect<ResponseExitEncoded["exit"], Schema.SchemaError>

/**
 * The binary serialization for the calls of one request. A body with other messages or with too many calls is answered by one
 * defect, without any call being made. A body whose text is not UTF-8 holds no message, so its answer is empty.
 */
export const layerSerialization = Layer.effect(
  RpcSerialization.RpcSerialization,
  Effect.map(RpcSerialization.RpcSerialization, (serialization) => ({
    ...serialization,
    makeUnsafe: () => {
      const { decode, encode } = serialization.makeUnsafe()
      return {
        encode,
        decode: (data: Uint8Array | string) => {
          try {
            return checkCalls(decode(data))
          } catch (error) {
            if (isNotUtf8(error)) return []
            throw error
          }
        }
      }
    }
  }))
).pipe(Layer.provide(RpcSerialization.layerSchemaBinary()))

/**
 * The protocol with the key of each call judged before the library decodes the payload of the call, unless the request has
 * shown a good key already.
 */
export const keyFirst = Effect.fnUntraced(function* (protocol: RpcServer.Protocol["Service"]) {
  const { authenticate } = yield* ServiceCalls
  const encoders = new Map<string, EncodeExit>()
  for (const rpc of UserServiceRpc.requests.values()) {
    // The type of a codec of the protocol does not say what it encodes to.
    encoders.set(rpc._tag, Schema.encodeUnknownEffect(protocol.codecFor(Rpc.exitSchema(rpc))) as EncodeExit)
  }
  const run: typeof protocol.run = (write) =>
    protocol.run((clientId, message) => {
      if (message._tag !== "Request") return write(clientId, message)
      const encode = encoders.get(message.tag)
      // The library repeats a name that it does not know, whatever its length.
      if (encode === undefined) return write(clientId, { ...message, tag: "" })
      return Effect.flatMap(CurrentFacts, ({ service }) =>
        service === undefined
          ? Effect.matchEffect(authenticate(Headers.fromInput(message.headers)[apiKeyHeader]), {
              onSuccess: () => write(clientId, message),
              onFailure: (error) =>
                Effect.flatMap(Effect.orDie(encode(Exit.fail(error))), (exit) =>
                  protocol.send(clientId, { _tag: "Exit", requestId: message.id, exit })
                )
            })
          : write(clientId, message)
      )
    })
  return { ...protocol, run }
})
