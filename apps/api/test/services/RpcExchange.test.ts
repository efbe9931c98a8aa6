import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { Rpc, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import * as RpcExchange from "../../src/services/RpcExchange.ts"

const Procedures = RpcGroup.make(Rpc.make("Wait"), Rpc.make("Tell", { success: Schema.String }))

// Calls of the procedures, posted as one request.
const post = Effect.fn(function* (...tags: ReadonlyArray<"Wait" | "Tell">) {
  const { codecFor, makeUnsafe } = yield* RpcSerialization.RpcSerialization
  const payload = yield* Schema.encodeEffect(codecFor(Schema.Void))()
  const calls = tags.map((tag, id) => ({ _tag: "Request", id, tag, payload, headers: [] }))
  const body = makeUnsafe().encode(calls) ?? ""
  return HttpServerRequest.fromWeb(new Request("http://localhost/rpc", { method: "POST", body: new Blob([body]) }))
})

const serving = <A, E, R>(
  wait: Effect.Effect<void>,
  use: (answer: Effect.Success<typeof RpcExchange.make>["answer"]) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const { answer, protocol } = yield* RpcExchange.make
    yield* RpcServer.make(Procedures).pipe(
      Effect.provideService(RpcServer.Protocol, protocol),
      Effect.provide(Procedures.toLayer({ Wait: () => wait, Tell: () => Effect.succeed("told") })),
      Effect.forkScoped
    )
    return yield* use(answer)
  }).pipe(Effect.scoped, Effect.provide(RpcSerialization.layerSchemaBinary()))

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

  it.effect("is answered in one body, when all its calls are made", () =>
    Effect.gen(function* () {
      const isBegun = yield* Deferred.make<void>()
      const mayGo = yield* Deferred.make<void>()
      const wait = Effect.andThen(Deferred.succeed(isBegun, undefined), Deferred.await(mayGo))
      yield* serving(wait, (answer) =>
        Effect.gen(function* () {
          const request = yield* post("Wait", "Tell")
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
          assert.strictEqual(makeUnsafe().decode(body.body).length, 2)
        })
      )
    })
  )
})
