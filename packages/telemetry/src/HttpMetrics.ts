import { Context, Effect, Layer, Metric } from "effect"

/** OpenTelemetry's recommended boundaries for request durations, in seconds. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const methods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "CONNECT"
])

// There are few routes and statuses. The limit only protects the memory against a mistake.
const maxSeries = 2000

const duration = (attributes: Record<string, string>) =>
  Metric.histogram("http.server.request.duration", {
    description: "Duration of HTTP server requests, in seconds",
    boundaries,
    attributes
  })

/**
 * The duration and the number of active requests, by OpenTelemetry's semantic conventions for HTTP servers. Plain functions,
 * because every request calls them.
 */
export class HttpMetrics extends Context.Service<
  HttpMetrics,
  {
    /** Counts an active request until `observe` is called. */
    readonly begin: () => void
    /** Records a completed request. `route` is the pattern of its route, undefined if none matched. */
    readonly observe: (method: string, route: string | undefined, status: number, seconds: number) => void
  }
>()("@user-service/telemetry/HttpMetrics") {
  static readonly layer: Layer.Layer<HttpMetrics> = Layer.effect(
    HttpMetrics,
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const series = new Map<string, Metric.Histogram<number>>()
      const overflow = duration({ "http.request.method": "_OTHER" })
      let active = 0

      yield* Effect.acquireRelease(
        Effect.sync(() =>
          Metric.registerUnsafe(
            Metric.gauge("http.server.active_requests", { description: "HTTP requests under way" }),
            context,
            { get: () => ({ value: active }), update: () => {}, modify: () => {} }
          )
        ),
        (registration) => Effect.sync(() => registration.remove())
      )

      const find = (method: string, route: string | undefined, status: number): Metric.Histogram<number> => {
        const key = `${method} ${status} ${route ?? ""}`
        const existing = series.get(key)
        if (existing !== undefined) return existing
        if (series.size >= maxSeries) return overflow
        const created = duration({
          "http.request.method": methods.has(method) ? method : "_OTHER",
          ...(route === undefined ? {} : { "http.route": route }),
          "http.response.status_code": String(status)
        })
        series.set(key, created)
        return created
      }

      return {
        begin: () => {
          active += 1
        },
        observe: (method, route, status, seconds) => {
          active -= 1
          find(method, route, status).updateUnsafe(seconds, context)
        }
      }
    })
  )
}
