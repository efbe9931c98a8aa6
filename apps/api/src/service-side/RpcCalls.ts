import { maxCalls, UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { Effect, Layer, Predicate, Schema } from "effect"
import { RpcSerialization } from "effect/rpc"

const isCall = (message: unknown): message is Readonly<Record<string, unknown>> =>
  Predicate.isTagged(message, "Request")

// The answer to an unknown procedure repeats its name, whatever its length.
const withKnownName = (call: Readonly<Record<string, unknown>>) => {
  const { tag } = call
  return Predicate.isString(tag) && UserServiceRpc.requests.has(tag) ? call : { ...call, tag: "" }
}

// A call that waits for no answer would outlive its request. The answers to two calls with one id cannot be told apart.
const checkCalls = (messages: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const calls = messages.filter(isCall)
  if (messages.length === 0) throw new Error("There is no whole call in the body")
  if (calls.length < messages.length) throw new Error("Only calls can be made here")
  if (calls.some((call) => call["discard"] === true || call["isNotification"] === true))
    throw new Error("A call has to wait for its answer here")
  if (calls.length > maxCalls) throw new Error(`At most ${maxCalls} calls can be made at once`)
  if (new Set(calls.map((call) => call["id"])).size < calls.length) throw new Error("Each call needs an id of its own")
  return calls.map(withKnownName)
}

const isNotUtf8 = (error: unknown): boolean => {
  if (!Schema.isSchemaError(error) || error.issue._tag !== "Pointer") return false
  const { issue } = error.issue
  return issue._tag === "InvalidValue" && issue.annotations?.["expected"] === "utf-8"
}

/**
 * The binary serialization of the calls in one request. A body that holds other messages, or too many calls, gets one defect
 * as its answer, and none of its calls is made. A body whose text is not UTF-8 decodes to no message, so its answer is empty.
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
