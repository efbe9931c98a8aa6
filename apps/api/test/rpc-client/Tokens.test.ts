import { assert, it } from "@effect/vitest"
import { TokenVerifier, UserServiceClient } from "@user-service/rpc-client"
import { Context, Effect, Layer, Redacted } from "effect"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"
import * as TestApi from "../TestApi.ts"
import { layerClient } from "./Service.ts"

const { TestApi: Api } = TestApi

const verifierOf = (layer: Layer.Layer<TokenVerifier>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, TokenVerifier))

it.layer(layerClient.pipe(Layer.provideMerge(TestApi.layerEmbedded(withGateway))), { excludeTestServices: true })(
  "tokens of the service",
  (it) => {
    it.effect("are verified by the public keys, also for an hour after the logout, and no others are", () =>
      Effect.gen(function* () {
        const { person, send, url } = yield* Api
        const { access, id, refresh } = yield* person()
        const local = yield* verifierOf(TokenVerifier.layerJwksUntilExpiry({ url }))
        assert.strictEqual((yield* local.verify(Redacted.make(access))).userId, id)
        yield* send("POST", "/api/v1/users/logout/", { token: access })
        assert.strictEqual((yield* local.verify(Redacted.make(access))).userId, id)
        const asking = yield* verifierOf(
          TokenVerifier.layerIntrospection.pipe(
            Layer.provide(Layer.succeed(UserServiceClient, yield* UserServiceClient))
          )
        )
        for (const verifier of [local, asking]) {
          assert.strictEqual((yield* Effect.flip(verifier.verify(Redacted.make(refresh))))._tag, "TokenInvalid")
        }
        assert.strictEqual((yield* Effect.flip(asking.verify(Redacted.make(access))))._tag, "TokenInvalid")
      })
    )

    it.effect("and calls of the client show the key nowhere, and have one trace", () =>
      Effect.gen(function* () {
        const { log, person } = yield* Api
        const { access } = yield* person()
        const { introspectToken } = yield* UserServiceClient
        const traceId = yield* Effect.gen(function* () {
          yield* introspectToken(Redacted.make(access))
          return (yield* Effect.currentSpan).traceId
        }).pipe(Effect.orDie, Effect.withSpan("a request at the gateway"))
        const lines = (yield* log).filter((line) => line["route"] === "/rpc" && line["trace_id"] === traceId)
        assert.strictEqual(lines.length, 1)
        const text = JSON.stringify(yield* log)
        assert.notInclude(text, gatewayKey)
        assert.notInclude(text, access)
      })
    )
  }
)
