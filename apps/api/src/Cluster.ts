import { Deferred, Effect, Layer, type Scope, Schema } from "effect"
import cluster, { type Worker } from "node:cluster"
import process from "node:process"
import type { ApiSettings } from "./ApiSettings.ts"
import * as ClusterMetrics from "./ClusterMetrics.ts"

/** A process ended before it listened. It has logged the reason itself. */
export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("WorkerFailed", { pid: Schema.Int }) {
  override get message() {
    return `Process ${this.pid} could not start`
  }
}

type Settings = Pick<ApiSettings, "workers" | "logs">

/**
 * Runs `program` in this process or, if `WORKERS` is greater than 1, in as many processes that share the port. The first process
 * starts alone, and a failure to start it is the failure of the layer. From then on, a process that ends is replaced after a
 * second, again and again if it cannot start, while the others serve. `/metrics` of each process has the metrics of all. A SIGHUP,
 * which reopens the log file, is forwarded to all. The processes end with the scope.
 */
export const layer = <A, E, R>(
  settings: Settings,
  program: Layer.Layer<A, E, R>
): Layer.Layer<never, E | WorkerFailed, R> => {
  if (cluster.isWorker) return Layer.provide(program, ClusterMetrics.layer)
  return settings.workers === 1 ? program : Layer.effectDiscard(supervise(settings))
}

const supervise = Effect.fnUntraced(function* ({ logs, workers }: Settings) {
  // Without a log file, a SIGHUP ends the process, as usual.
  if (logs.file !== undefined) yield* forwardHangups
  yield* ClusterMetrics.answerForAll(serving)
  const firstListens = yield* Deferred.make<void>()
  const first = run(Deferred.succeed(firstListens, undefined)).pipe(Effect.andThen(pause), Effect.andThen(keepRunning))
  const others = Array.from({ length: workers - 1 }, () => Effect.andThen(Deferred.await(firstListens), keepRunning))
  return yield* Effect.all([first, ...others], { concurrency: "unbounded", discard: true })
})

// Runs one process from its start to its end.
const run = (onServing: Effect.Effect<unknown>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const worker = yield* start
      yield* onServing
      const { code, signal } = yield* awaitExit(worker)
      yield* Effect.logError("A process ended and is replaced", { pid: worker.process.pid, code, signal })
    })
  )

const pause = Effect.sleep("1 second")

const keepRunning = run(Effect.void).pipe(
  Effect.catchTag("WorkerFailed", (error) => Effect.logError(`${error.message} and is tried again`)),
  Effect.andThen(pause),
  Effect.forever
)

const serving = new Set<Worker>()

const start: Effect.Effect<Worker, WorkerFailed, Scope.Scope> = Effect.gen(function* () {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => cluster.fork()),
    stop
  )
  yield* Effect.raceFirst(
    awaitListening(worker),
    Effect.flatMap(awaitExit(worker), () => new WorkerFailed({ pid: worker.process.pid ?? 0 }))
  )
  yield* Effect.acquireRelease(
    Effect.sync(() => serving.add(worker)),
    () => Effect.sync(() => serving.delete(worker))
  )
  return worker
})

// On SIGTERM, the process drains.
const stop = (worker: Worker) =>
  Effect.suspend(() => {
    if (worker.isDead()) return Effect.void
    worker.process.kill("SIGTERM")
    return Effect.asVoid(awaitExit(worker))
  })

const awaitListening = (worker: Worker) =>
  Effect.callback<void>((resume) => {
    worker.once("listening", () => resume(Effect.void))
  })

interface ExitStatus {
  readonly code: number | null
  readonly signal: string | null
}

const awaitExit = (worker: Worker) =>
  Effect.callback<ExitStatus>((resume) => {
    const { exitCode, signalCode } = worker.process
    if (worker.isDead()) return resume(Effect.succeed({ code: exitCode, signal: signalCode }))
    worker.once("exit", (code: number | null, signal: string | null) => resume(Effect.succeed({ code, signal })))
  })

// Only to processes that listen. The others have no signal handler yet, so the signal would end them.
const forwardHangups = Effect.suspend(() => {
  const forward = () => {
    for (const worker of serving) worker.process.kill("SIGHUP")
  }
  return Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", forward)),
    () => Effect.sync(() => process.off("SIGHUP", forward))
  )
})
