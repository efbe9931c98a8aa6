import { assert, describe, it } from "@effect/vitest"
import * as Tracing from "@user-service/telemetry/Tracing"
import { ConfigProvider, Effect, Exit, Layer, Option } from "effect"
import { HttpClient, HttpClientResponse, HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"

interface Sent {
  readonly url: string
  readonly body: string
}

/** What a collector is sent while the program runs and as its scope closes. */
const sent = <E>(settings: Partial<Tracing.TracingSettings>, program: Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const requests: Array<Sent> = []
    const collector = HttpClient.make((request, url) =>
      Effect.sync(() => {
        const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
        requests.push({ url: url.href, body })
        return HttpClientResponse.fromWeb(request, new Response(null, { status: 200 }))
      })
    )
    const tracing = Tracing.layer(
      { endpoint: Option.some(new URL("http://collector:4318/base/")), ratio: 1, ...settings },
      { serviceName: "user-service", serviceVersion: "1.2.3" }
    )
    yield* program.pipe(
      Effect.provide(tracing.pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, collector)))),
      Effect.exit
    )
    return requests
  })

const spanCount = (requests: ReadonlyArray<Sent>) =>
  requests.reduce((sum, { body }) => sum + (body.match(/"spanId"/g)?.length ?? 0), 0)

describe("Tracing", () => {
  const read = (env: Record<string, string>) =>
    Tracing.config.pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))

  it.effect("tracing is off without a collector, the default ratio is a tenth, and a ratio above 1 is refused", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), { endpoint: Option.none(), ratio: 0.1 })
      const named = yield* read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_TRACES_SAMPLER_ARG: "0.5" })
      assert.strictEqual(Option.getOrThrow(named.endpoint).host, "c:4318")
      assert.strictEqual(named.ratio, 0.5)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(read({ OTEL_TRACES_SAMPLER_ARG: "2" }))))
      for (const endpoint of ["collector:4318", "mailto:x", "grpc://c:4317"]) {
        const error = yield* Effect.flip(read({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }))
        assert.include(error.message, "must be an http:// or https:// URL")
      }
      assert.deepStrictEqual(yield* sent({ endpoint: Option.none() }, Effect.withSpan(Effect.void, "a")), [])
    })
  )

  it.effect("spans are sent to the base URL when the scope closes", () =>
    Effect.gen(function* () {
      const requests = yield* sent({}, Effect.void.pipe(Effect.withSpan("inner"), Effect.withSpan("outer")))
      assert.deepStrictEqual(
        requests.map(({ url }) => url),
        ["http://collector:4318/base/v1/traces"]
      )
      assert.strictEqual(spanCount(requests), 2)
      assert.include(requests[0]?.body, "user-service")
    })
  )

  it.effect(
    "a ratio of 0 sends no trace, a ratio of a half sends some, and each trace is sent completely or not at all",
    () =>
      Effect.gen(function* () {
        const traces = Effect.void.pipe(
          Effect.withSpan("inner"),
          Effect.withSpan("outer"),
          Effect.repeat({ times: 199 })
        )
        assert.strictEqual(spanCount(yield* sent({ ratio: 0 }, traces)), 0)
        const some = spanCount(yield* sent({ ratio: 0.5 }, traces))
        assert.isAbove(some, 100)
        assert.isBelow(some, 300)
        assert.strictEqual(some % 2, 0)
      })
  )

  it.effect("no attribute and no exception of a span contains a credential", () =>
    Effect.gen(function* () {
      const failing = Effect.fail(new Error("no redis://:CANARY@h")).pipe(
        Effect.withSpan("a", { attributes: { refresh_token: "CANARY", "db.url": "postgres://u:CANARY@h", rows: 3 } })
      )
      const requests = yield* sent({}, failing)
      assert.strictEqual(spanCount(requests), 1)
      assert.notInclude(requests[0]?.body, "CANARY")
      assert.include(requests[0]?.body, "<redacted>")
    })
  )
  it.effect("the span of a request contains no path, query, host or header as the client sent it", () =>
    Effect.gen(function* () {
      const request = new Request("http://canary-host.example/CANARY/path?page=CANARY", {
        headers: { "user-agent": "CANARY", cookie: "CANARY", "x-api-key": "CANARY", "x-request-id": "CANARY" }
      })
      const served = HttpMiddleware.tracer(Effect.succeed(HttpServerResponse.empty())).pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request))
      )
      const requests = yield* sent({}, served)
      assert.strictEqual(spanCount(requests), 1)
      assert.notMatch(requests[0]?.body ?? "", /canary/i)
      assert.include(requests[0]?.body, "http.response.status_code")
    })
  )
})
