import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { HttpServerRequest } from "effect/http"
import { RpcSerialization } from "effect/rpc"
import * as RpcExchange from "../../src/service-side/RpcExchange.ts"

// Calls of the procedures, posted as one request.
const post = Effect.fn(function* (...tags: ReadonlyArray<"Wait" | "Tell">) {
  const { makeUnsafe } = yield* RpcSerialization.RpcSerialization
  const calls = tags.map((tag, id) => ({ _tag: "Request", id, tag, payload: new Uint8Array(), headers: [] }))
  const body = makeUnsafe().encode(calls) ?? ""
  return HttpServerRequest.fromWeb(new Request("http://localhost/rpc", { method: "POST", body: new Blob([body]) }))
})

const serving = <A, E, R>(
  wait: Effect.Effect<void>,
  use: (answer: Effect.Success<ReturnType<typeof RpcExchange.make>>) => Effect.Effect<A, E, R>
) =>
  RpcExchange.make(({ tag }) => Effect.as(tag === "Wait" ? wait : Effect.void, new Uint8Array())).pipe(
    Effect.flatMap(use),
    Effect.provide(RpcSerialization.layerSchemaBinary())
  )

describe("a request", () => {
  it.effect("takes its calls along when whoever made it goes away", () =>
    Effect.gen(function* () {
      const isBegun = yield* Deferred.make<void>()
      const isEnded = yield* Deferred.make<void>()
      const wait = Effect.andThen(Deferred.succeed(isBegun, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Deferred.succeed(isEnded, undefined))
      )
      yield* serving(wait, (answer) =>
        Effect.gen(function* () {
          const request = yield* post("Wait")
          const caller = yield* Effect.forkChild(
            Effect.provideService(answer, HttpServerRequest.HttpServerRequest, request)
          )
          yield* Deferred.await(isBegun)
          yield* Fiber.interrupt(caller)
          yield* Deferred.await(isEnded)
        })
      )
    })
  )

  it.effect("makes its calls at once, and is answered in one body when all are made", () =>
    Effect.gen(function* () {
      const isBegun = yield* Deferred.make<void>()
      const mayGo = yield* Deferred.make<void>()
      let begun = 0
      const wait = Effect.suspend(() =>
        Effect.andThen(++begun === 2 ? Deferred.succeed(isBegun, undefined) : Effect.void, Deferred.await(mayGo))
      )
      yield* serving(wait, (answer) =>
        Effect.gen(function* () {
          const request = yield* post("Wait", "Wait", "Tell")
          const caller = yield* Effect.forkChild(
            Effect.provideService(answer, HttpServerRequest.HttpServerRequest, request)
          )
          yield* Deferred.await(isBegun)
          yield* Effect.yieldNow
          assert.isUndefined(caller.pollUnsafe())
          yield* Deferred.succeed(mayGo, undefined)
          const { body } = yield* Fiber.join(caller)
          assert(body._tag === "Uint8Array")
          const { makeUnsafe } = yield* RpcSerialization.RpcSerialization
          assert.strictEqual(makeUnsafe().decode(body.body).length, 3)
        })
      )
    })
  )
})
