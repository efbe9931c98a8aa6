import { assert, describe, it } from "@effect/vitest"
import { UserId } from "@user-service/domain/User"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { clientAt, gatewayKey, withGateway } from "./Callers.ts"

describe("a service that stops", () => {
  it.live("completes the calls over /rpc in progress, and closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const layer = layerEmbedded({ ...withGateway, SHUTDOWN_GRACE_SECONDS: "20", SHUTDOWN_NOTICE_SECONDS: "2" })
      const { sql, ...api } = Context.get(yield* Layer.buildWithScope(layer, scope), TestApi)
      const { id } = yield* api.person()
      const rpc = yield* clientAt(api.url, gatewayKey)

      // Whoever has the transaction has the one connection there is.
      const isHeld = yield* Deferred.make<void>()
      const mayGo = yield* Deferred.make<void>()
      const hold = Effect.andThen(Deferred.succeed(isHeld, undefined), Deferred.await(mayGo))
      const holder = yield* Effect.forkChild(sql.withTransaction(Effect.andThen(sql`select 1`, hold)))
      yield* Deferred.await(isHeld)
      const call = yield* Effect.forkChild(
        rpc.ResolveDeliveries({ deliveries: [{ user_id: UserId.make(id), channel: "email", category: "system" }] })
      )
      // The call, and the question itself.
      yield* api
        .send("GET", "/metrics")
        .pipe(Effect.repeat({ until: ({ text }) => /^http_server_active_requests\S* 2$/m.test(text) }))

      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      const isTold = Effect.map(api.log, (lines) =>
        lines.some(({ message }) => message === "Shutting down: no longer ready")
      )
      yield* Effect.yieldNow.pipe(Effect.andThen(isTold), Effect.repeat({ until: (told) => told }))
      yield* api.pass("2 seconds")
      // Nothing new is taken.
      yield* Effect.repeat(Effect.exit(api.send("GET", "/health/live")), { until: Exit.isFailure })
      yield* Deferred.succeed(mayGo, undefined)
      const [resolved] = yield* Fiber.join(call)
      assert.strictEqual(resolved?.decision, "allow")
      yield* Fiber.join(holder)
      yield* Fiber.join(closing)
    })
  )
})
