import { Effect, Layer, Metric } from "effect"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import process from "node:process"

/** The build of the program. */
export interface Build {
  readonly version: string
}

// Every sample wakes the process. Node's default of 10 ms would cost an idle process 0.4 % of a core.
const resolutionMillis = 100

/**
 * CPU time, memory, event loop delay, uptime and build of the process, under the names that Prometheus dashboards use. Read when they
 * are scraped. The event loop delay covers the time since the last scrape.
 */
export const layer = (build: Build): Layer.Layer<never> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const delay = yield* eventLoopDelay
      const register = <Input, State>(metric: Metric.Metric<Input, State>, get: () => State) =>
        Effect.acquireRelease(
          Effect.sync(() => Metric.registerUnsafe(metric, context, { get, update: () => {}, modify: () => {} })),
          (registration) => Effect.sync(() => registration.remove())
        )
      const gauge = (name: string, description: string, read: () => number, attributes?: Record<string, string>) =>
        register(Metric.gauge(name, { description, attributes }), () => ({ value: read() }))

      yield* register(
        Metric.counter("process_cpu_seconds_total", {
          description: "CPU time of the process, user and system, in seconds"
        }),
        () => {
          const { system, user } = process.cpuUsage()
          return { count: (user + system) / 1e6, incremental: true }
        }
      )
      yield* gauge("process_resident_memory_bytes", "Resident memory, in bytes", () => process.memoryUsage.rss())
      yield* gauge(
        "nodejs_heap_size_used_bytes",
        "Used JavaScript heap, in bytes",
        () => process.memoryUsage().heapUsed
      )
      yield* gauge(
        "process_start_time_seconds",
        "Start of the process, seconds since 1970",
        () => performance.timeOrigin / 1000
      )
      yield* gauge("process_uptime_seconds", "Age of the process, in seconds", () => process.uptime())
      yield* gauge("nodejs_eventloop_lag_mean_seconds", "Event loop delay, mean", () => delay().mean)
      yield* gauge("nodejs_eventloop_lag_p99_seconds", "Event loop delay, 99th percentile", () => delay().p99)
      yield* gauge("nodejs_eventloop_lag_max_seconds", "Event loop delay, longest", () => delay().max)
      yield* gauge("user_service_build_info", "1, with what runs as labels", () => 1, {
        version: build.version,
        node: process.version
      })
    })
  )

/** In seconds. All gauges of a scrape share one sample, because reading it resets the histogram. */
const eventLoopDelay = Effect.gen(function* () {
  const histogram = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution: resolutionMillis })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => histogram.disable())
  )
  // The histogram records the time between two ticks of the timer. The delay is the excess over its period.
  const seconds = (nanos: number) => Math.max(0, nanos / 1e9 - resolutionMillis / 1000)
  let sample = { mean: 0, p99: 0, max: 0 }
  let sampledAt = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() - sampledAt < 500 || histogram.count === 0) return sample
    sampledAt = performance.now()
    sample = { mean: seconds(histogram.mean), p99: seconds(histogram.percentile(99)), max: seconds(histogram.max) }
    histogram.reset()
    return sample
  }
})
