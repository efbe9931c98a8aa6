import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import * as ProcessesMetrics from "@user-service/telemetry/ProcessesMetrics"
import * as Prometheus from "@user-service/telemetry/Prometheus"
import { Effect, FiberSet, Layer, Option, Schema, type Scope } from "effect"
import cluster, { type Worker } from "node:cluster"
import process from "node:process"
import { MetricsText } from "./health/MetricsText.ts"

// A process asks the primary for all metrics. The primary collects them from each process and answers. All other messages between
// the processes are Node's (decision 0023).
const Message = Schema.Struct({
  metrics: Schema.Literals(["ask", "collect", "collected", "answer"]),
  id: Schema.Int,
  text: Schema.String
})
type Message = typeof Message.Type
const isMessage = Schema.is(Message)

// A hanging process does not block the response: Prometheus' default scrape timeout is ten seconds.
const collectTimeout = "1 second"
const answerTimeout = "3 seconds"

/** For the primary: answers with the metrics of all listening processes, until the scope closes. */
export const answerForAll = (serving: ReadonlySet<Worker>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const metrics = ProcessesMetrics.make()
    const run = yield* FiberSet.makeRuntime()
    let ids = 0

    const collect = Effect.fnUntraced(function* (worker: Worker) {
      const id = ids++
      const text = yield* Effect.callback<string>((resume) => {
        const onMessage = (message: unknown) => {
          if (isMessage(message) && message.metrics === "collected" && message.id === id) {
            resume(Effect.succeed(message.text))
          }
        }
        worker.on("message", onMessage)
        send(worker, { metrics: "collect", id, text: "" })
        return Effect.sync(() => worker.off("message", onMessage))
      }).pipe(Effect.timeoutOption(collectTimeout))
      // `onExit` has already retired a process that has ended.
      if (Option.isNone(text) || worker.isDead()) return []
      metrics.record(worker.id, text.value)
      return [worker.id]
    })

    const answer = Effect.fnUntraced(function* (worker: Worker, id: number) {
      const workers = [...serving]
      const responders = (yield* Effect.forEach(workers, collect, { concurrency: "unbounded" })).flat()
      const text = metrics.render(responders, workers.length - responders.length)
      send(worker, { metrics: "answer", id, text })
    })

    const onMessage = (worker: Worker, message: unknown) => {
      if (isMessage(message) && message.metrics === "ask") run(answer(worker, message.id))
    }
    const onExit = (worker: Worker) => metrics.retire(worker.id)
    yield* Effect.acquireRelease(
      Effect.sync(() => cluster.on("message", onMessage).on("exit", onExit)),
      () => Effect.sync(() => cluster.off("message", onMessage).off("exit", onExit))
    )
  })

// Errors are ignored: `onExit` handles processes that have ended.
const send = (worker: Worker, message: Message): void => {
  if (worker.isConnected()) worker.send(message, () => {})
}

/** For the other processes: sends its own metrics to the primary, and answers `/metrics` with the metrics of all. */
export const layer: Layer.Layer<never> = Layer.effect(
  MetricsText,
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const waiting = new Map<number, (text: string) => void>()
    let ids = 0

    const onMessage = (message: unknown) => {
      if (!isMessage(message)) return
      if (message.metrics === "answer") waiting.get(message.id)?.(message.text)
      if (message.metrics === "collect") {
        sendToPrimary({ metrics: "collected", id: message.id, text: Effect.runSyncWith(context)(Prometheus.render) })
      }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("message", onMessage)),
      () => Effect.sync(() => process.off("message", onMessage))
    )
    return Effect.callback<string>((resume) => {
      const id = ids++
      waiting.set(id, (text) => resume(Effect.succeed(text)))
      sendToPrimary({ metrics: "ask", id, text: "" })
      return Effect.sync(() => waiting.delete(id))
    }).pipe(
      Effect.timeoutOrElse({
        duration: answerTimeout,
        orElse: () => Effect.fail(new ServiceUnavailable({ what: "sum over all processes", retryAfterSeconds: 5 }))
      })
    )
  })
)

const sendToPrimary = (message: Message): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
