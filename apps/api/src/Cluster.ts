import { Deferred, Effect, Layer, type Scope, Schema } from "effect"
import cluster, { type Worker } from "node:cluster"
import process from "node:process"
import type { ApiSettings } from "./ApiSettings.ts"
import * as ClusterMetrics from "./ClusterMetrics.ts"

/** A process ended before it served anything. What kept it from that it has said itself. */
export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("WorkerFailed", { pid: Schema.Int }) {
  override get message() {
    return `Process ${this.pid} could not start`
  }
}

type Settings = Pick<ApiSettings, "workers" | "logs">

/**
 * `one` in this process, or where `WORKERS` asks for several in as many that share the port. The first starts alone, and
 * what keeps it from starting fails the whole; from then on one that dies is replaced within a second, and one that cannot
 * be is tried again, for the others still serve. `/metrics` of any of them is of all. A SIGHUP, which is for the log file, reaches all of them. Ends them with
 * its scope.
 */
export const layer = <A, E, R>(
  settings: Settings,
  one: Layer.Layer<A, E, R>
): Layer.Layer<never, E | WorkerFailed, R> => {
  if (cluster.isWorker) return Layer.provide(one, ClusterMetrics.layer)
  return settings.workers === 1 ? one : Layer.effectDiscard(supervise(settings))
}

const supervise = Effect.fnUntraced(function* ({ logs, workers }: Settings) {
  // Without a log file a SIGHUP is what it is anywhere: the end.
  if (logs.file !== undefined) yield* passHangupsOn
  yield* ClusterMetrics.answerForAll(serving)
  const serves = yield* Deferred.make<void>()
  const first = run(Deferred.succeed(serves, undefined)).pipe(Effect.andThen(pause), Effect.andThen(keepRunning))
  const others = Array.from({ length: workers - 1 }, () => Effect.andThen(Deferred.await(serves), keepRunning))
  return yield* Effect.all([first, ...others], { concurrency: "unbounded", discard: true })
})

// One process, from its start to its end.
const run = (onServing: Effect.Effect<unknown>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const worker = yield* start
      yield* onServing
      const { code, signal } = yield* ended(worker)
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
    listening(worker),
    Effect.flatMap(ended(worker), () => new WorkerFailed({ pid: worker.process.pid ?? 0 }))
  )
  yield* Effect.acquireRelease(
    Effect.sync(() => serving.add(worker)),
    () => Effect.sync(() => serving.delete(worker))
  )
  return worker
})

// Asked to stop, it drains as it would alone.
const stop = (worker: Worker) =>
  Effect.suspend(() => {
    if (worker.isDead()) return Effect.void
    worker.process.kill("SIGTERM")
    return Effect.asVoid(ended(worker))
  })

const listening = (worker: Worker) =>
  Effect.callback<void>((resume) => {
    worker.once("listening", () => resume(Effect.void))
  })

interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

const ended = (worker: Worker) =>
  Effect.callback<Ended>((resume) => {
    const { exitCode, signalCode } = worker.process
    if (worker.isDead()) return resume(Effect.succeed({ code: exitCode, signal: signalCode }))
    worker.once("exit", (code: number | null, signal: string | null) => resume(Effect.succeed({ code, signal })))
  })

// One that does not listen yet has no log file open either, and would end by it.
const passHangupsOn = Effect.suspend(() => {
  const pass = () => {
    for (const worker of serving) worker.process.kill("SIGHUP")
  }
  return Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", pass)),
    () => Effect.sync(() => process.off("SIGHUP", pass))
  )
})
