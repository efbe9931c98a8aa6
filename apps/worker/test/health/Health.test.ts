import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Drain } from "@user-service/runtime/Drain"
import { routerConfig } from "@user-service/schema/http/Paths"
import * as HealthHttp from "@user-service/worker/health/HealthHttp"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter } from "effect/http"

const token = Redacted.make("let-me-see")

/** The probes over a database, and a client of them. */
const layerOver = <E, R>(storage: Layer.Layer<Storage, E, R>, metricsToken: Option.Option<Redacted.Redacted<string>>) =>
  HttpRouter.serve(HealthHttp.routes({ metricsToken }), {
    routerConfig,
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge([Drain.layer, CredentialRefusals.layer, storage])
  )

const get = Effect.fnUntraced(function* (path: string, headers: Record<string, string> = {}) {
  const response = yield* HttpClient.execute(HttpClientRequest.get(path, { headers }))
  const text = yield* response.text
  const isJson = response.headers["content-type"]?.includes("json") === true
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
})

const away = Layer.effect(
  Storage,
  Effect.map(Storage, (storage) => ({
    ...storage,
    probe: Effect.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 }))
  }))
).pipe(Layer.provide(Storage.layer))

const keys = ["success", "message", "data", "error", "meta"]

describe("the worker's probes", () => {
  const database = TestDatabase.layerPgLite

  it.layer(layerOver(Storage.layer.pipe(Layer.provide(database)), Option.none()))((it) => {
    it.effect(
      "a process with a database answers as alive and ready in the envelope, with and without a slash at the end",
      () =>
        Effect.gen(function* () {
          for (const path of ["/health/live", "/health/live/", "/health/ready", "/health/ready/"]) {
            const { body, status } = yield* get(path)
            assert.strictEqual(status, 200)
            assert.deepStrictEqual(Object.keys(body), keys)
            assert.deepInclude(body, { success: true, data: { status: "ok" }, error: null })
          }
        })
    )

    it.effect("another spelling of a path is 404", () =>
      Effect.gen(function* () {
        const others = [
          "/METRICS",
          "/%6detrics",
          "/Health/live",
          "/health/%6Cive",
          "//metrics",
          "/metrics;x",
          "/metrics//"
        ]
        for (const path of others) assert.strictEqual((yield* get(path)).status, 404, path)
      })
    )

    it.effect("the metrics are public if no token is set", () =>
      Effect.gen(function* () {
        const { headers, status } = yield* get("/metrics")
        assert.strictEqual(status, 200)
        assert.include(headers["content-type"], "text/plain")
      })
    )

    it.effect("any other path is 404 in the envelope", () =>
      Effect.gen(function* () {
        const { body, status } = yield* get("/health/unknown")
        assert.strictEqual(status, 404)
        assert.deepInclude(body, { success: false, code: "not_found", data: null })
      })
    )
  })

  it.layer(layerOver(Storage.layer.pipe(Layer.provide(database)), Option.some(token)))((it) => {
    it.effect("a process that is shutting down answers as alive and not ready", () =>
      Effect.gen(function* () {
        yield* Drain.use((drain) => drain.begin)
        const { body, headers, status } = yield* get("/health/ready")
        assert.deepInclude(body, { success: false, code: "service_unavailable" })
        assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
        assert.strictEqual((yield* get("/health/live")).status, 200)
      })
    )

    it.effect("the metrics require the token if one is set, and refuse a wrong one", () =>
      Effect.gen(function* () {
        for (const headers of [{}, { authorization: "Bearer let-me" }, { authorization: "let-me-see" }]) {
          const answer = yield* get("/metrics", headers)
          assert.deepStrictEqual(
            [answer.status, answer.body.code, answer.headers["www-authenticate"]],
            [401, "authentication_required", `Bearer realm="metrics"`]
          )
        }
        assert.strictEqual((yield* get("/metrics", { authorization: "Bearer let-me-see" })).status, 200)
      })
    )
  })

  it.layer(layerOver(away.pipe(Layer.provide(database)), Option.none()))((it) => {
    it.effect("without the database the process answers as alive and not ready", () =>
      Effect.gen(function* () {
        const { body, status } = yield* get("/health/ready")
        assert.strictEqual(status, 503)
        assert.match(body.message, /database is not available/)
        assert.strictEqual((yield* get("/health/live")).status, 200)
      })
    )
  })
})
