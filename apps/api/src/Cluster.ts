import { Effect, Layer, Schema } from "effect"
import cluster, { type Worker } from "node:cluster"
import type { ApiSettings } from "./ApiSettings.ts"

/** A process ended before it served anything: starting it again would end the same way. It has said why itself. */
export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("WorkerFailed", { pid: Schema.Int }) {
  override get message() {
    return `Process ${this.pid} could not start`
  }
}

const ended = (worker: Worker) =>
  Effect.callback<number>((resume) => {
    worker.once("exit", (code) => resume(Effect.succeed(code)))
    if (worker.isDead()) resume(Effect.succeed(worker.process.exitCode ?? 0))
  })

// Asked to stop, it drains as it would alone.
const stop = (worker: Worker) =>
  Effect.suspend(() => {
    if (worker.isDead()) return Effect.void
    worker.process.kill("SIGTERM")
    return Effect.asVoid(ended(worker))
  })

const runOne = Effect.scoped(
  Effect.gen(function* () {
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() => cluster.fork()),
      stop
    )
    const pid = worker.process.pid ?? 0
    let served = false
    worker.once("listening", () => {
      served = true
    })
    const code = yield* ended(worker)
    if (!served) return yield* new WorkerFailed({ pid })
    yield* Effect.logError("A process ended and is replaced", { pid, code })
  })
)

/**
 * `one` in this process, or where `WORKERS` asks for several in as many that share the port; one that dies is replaced
 * within a second. Ends them all with its scope.
 */
export const layer = <A, E, R>(
  settings: Pick<ApiSettings, "workers">,
  one: Layer.Layer<A, E, R>
): Layer.Layer<never, E | WorkerFailed, R> =>
  settings.workers === 1 || cluster.isWorker ? one : Layer.effectDiscard(supervise(settings.workers))

const supervise = (workers: number) =>
  Effect.forEach(
    Array.from({ length: workers }),
    () => Effect.forever(Effect.andThen(runOne, Effect.sleep("1 second"))),
    { concurrency: "unbounded", discard: true }
  )
