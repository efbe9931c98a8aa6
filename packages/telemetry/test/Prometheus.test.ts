import { assert, describe, it } from "@effect/vitest"
import { HttpMetrics } from "@user-service/telemetry/HttpMetrics"
import * as ProcessMetrics from "@user-service/telemetry/ProcessMetrics"
import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Effect, Metric } from "effect"
import process from "node:process"

/** With metrics of its own. */
const fresh = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(program, Metric.MetricRegistry, new Map()))

describe("HttpMetrics", () => {
  it.effect("contains durations in seconds by method, route and status, and the number of requests in progress", () =>
    Effect.gen(function* () {
      const metrics = yield* HttpMetrics
      for (let i = 0; i < 3; i++) metrics.begin()
      metrics.observe("GET", "/users/{id}", 200, 0.004)
      metrics.observe("GET", "/users/{id}", 200, 0.3)
      const text = yield* Prometheus.render
      const labels = `http_request_method="GET",http_route="/users/{id}",http_response_status_code="200"`
      assert.include(text, "# TYPE http_server_request_duration_seconds histogram\n")
      assert.include(text, `http_server_request_duration_seconds_bucket{${labels},le="0.005"} 1\n`)
      assert.include(text, `http_server_request_duration_seconds_bucket{${labels},le="0.5"} 2\n`)
      assert.include(text, `http_server_request_duration_seconds_bucket{${labels},le="+Inf"} 2\n`)
      assert.include(text, `http_server_request_duration_seconds_count{${labels}} 2\n`)
      assert.include(text, `http_server_request_duration_seconds_sum{${labels}} 0.304\n`)
      assert.include(text, "# TYPE http_server_active_requests gauge\nhttp_server_active_requests 1\n")
      assert.strictEqual(text.match(/# TYPE http_server_request_duration_seconds /g)?.length, 1)
    }).pipe(Effect.provide(HttpMetrics.layer), fresh)
  )

  it.effect("an unknown method and a path without a route create no new label value", () =>
    Effect.gen(function* () {
      const metrics = yield* HttpMetrics
      metrics.observe("BREW", undefined, 404, 0.001)
      const text = yield* Prometheus.render
      assert.include(text, `_count{http_request_method="_OTHER",http_response_status_code="404"} 1`)
      assert.notInclude(text, "BREW")
    }).pipe(Effect.provide(HttpMetrics.layer), fresh)
  )

  it.effect("beyond the limit of series all requests are counted in one series", () =>
    Effect.gen(function* () {
      const metrics = yield* HttpMetrics
      for (let i = 0; i < 2100; i++) metrics.observe("GET", `/made/${i}`, 200, 0.001)
      const text = yield* Prometheus.render
      assert.include(text, `http_server_request_duration_seconds_count{http_request_method="_OTHER"} 100\n`)
      assert.strictEqual(text.match(/_seconds_count\{/g)?.length, 2001)
    }).pipe(Effect.provide(HttpMetrics.layer), fresh)
  )
})

describe("Prometheus", () => {
  it.effect("labels are escaped, so that a text with a line break adds no line", () =>
    Effect.gen(function* () {
      yield* Metric.update(Metric.gauge("g", { description: "a\nb\\", attributes: { "a-b": 'x"y\\z\nevil 1' } }), 1)
      assert.strictEqual(
        yield* Prometheus.render,
        '# HELP g a\\nb\\\\\n# TYPE g gauge\ng{a_b="x\\"y\\\\z\\nevil 1"} 1\n'
      )
    }).pipe(fresh)
  )
})

describe("ProcessMetrics", () => {
  it.effect("are read at each scrape, and removed with their layer", () =>
    Effect.gen(function* () {
      const text = yield* Effect.provide(Prometheus.render, ProcessMetrics.layer({ version: "1.2.3" }))
      for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_uptime_seconds"]) {
        assert.isAbove(Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]), 0, name)
      }
      assert.include(text, "# TYPE process_cpu_seconds_total counter\n")
      assert.include(text, `user_service_build_info{version="1.2.3",node="${process.version}"} 1\n`)
      assert.match(text, /^nodejs_eventloop_lag_p99_seconds [\d.e-]+$/m)
      assert.strictEqual(yield* Prometheus.render, "")
    }).pipe(fresh)
  )
})
