import { Context, Effect, Layer, Metric } from "effect"

/** OpenTelemetry's advice for request durations, in seconds. */
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

// Routes are few and known, and so are the statuses of each; this only keeps a mistake from filling the memory.
const mostSeries = 2000

const duration = (attributes: Record<string, string>) =>
  Metric.histogram("http.server.request.duration", {
    description: "Duration of HTTP server requests, in seconds",
    boundaries,
    attributes
  })

/**
 * How long requests take and how many are under way, by OpenTelemetry's semantic conventions for HTTP servers. Plain
 * functions: they stand on the way of every request.
 */
export class HttpMetrics extends Context.Service<
  HttpMetrics,
  {
    /** A request has come in; `observe` ends it. */
    readonly begin: () => void
    /** A request is over: its route's pattern (absent where none matched), its status, how many seconds it took. */
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
        const known = series.get(key)
        if (known !== undefined) return known
        if (series.size >= mostSeries) return overflow
        const made = duration({
          "http.request.method": methods.has(method) ? method : "_OTHER",
          ...(route === undefined ? {} : { "http.route": route }),
          "http.response.status_code": String(status)
        })
        series.set(key, made)
        return made
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
