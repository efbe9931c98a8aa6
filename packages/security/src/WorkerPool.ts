import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Effect, Metric, type Scope } from "effect"
import { existsSync } from "node:fs"
import { type ResourceLimits, Worker } from "node:worker_threads"

/** Why a job was not executed. */
export type PoolRefusal =
  | {
      readonly _tag: "QueueFull"
      /** The estimated time until the queue is processed. */
      readonly waitMillis: number
    }
  | { readonly _tag: "WorkerDied"; readonly cause: unknown }

/** What a thread is told at its start. */
export interface WorkerOptions {
  readonly niceness: number
}

/** The answer of a thread, with the duration of its work. */
export interface WorkerAnswer {
  readonly milliseconds: number
}

interface Waiting<Job, Answer> {
  readonly job: Job
  readonly resume: (outcome: Effect.Effect<Answer, PoolRefusal>) => void
}

/**
 * A pool of worker threads with a queue. `size` jobs run at a time, in the order of arrival. Interruption removes a waiting job; a
 * running job ends normally and its answer is dropped. When a thread dies, its job fails, and the next job starts a new thread.
 * Threads start on demand and end with the scope.
 */
export interface WorkerPool<Job, Answer> {
  /** Takes one of the `size + queueSize` places. Fails immediately if none is free. */
  readonly enterQueue: Effect.Effect<void, PoolRefusal>
  /** Frees the place. */
  readonly leaveQueue: Effect.Effect<void>
  /** Runs a job. The caller must have a place. */
  readonly run: (job: Job) => Effect.Effect<Answer, PoolRefusal>
}

const poolEnded: PoolRefusal = { _tag: "WorkerDied", cause: "the pool has ended" }

// In the folder of this module, both in the sources and in a bundle with an entry per worker.
const entryOf = (worker: string): URL => {
  const bundled = new URL(`./${worker}.js`, import.meta.url)
  return existsSync(bundled) ? bundled : new URL(`./${worker}.ts`, import.meta.url)
}

/** `onDepth` is called with the number of waiting jobs whenever it changes. */
export const make = Effect.fnUntraced(function* <Job, Answer extends WorkerAnswer>(options: {
  /** The module that the threads run, without its extension. */
  readonly worker: "hash-worker" | "estimate-worker"
  readonly size: number
  readonly queueSize: number
  readonly onDepth: (waiting: number) => void
  /** The niceness of the threads, on Linux. 10 when absent. */
  readonly niceness?: number | undefined
  /** Memory limits of each thread. A thread that exceeds them dies. V8's defaults when absent. */
  readonly resourceLimits?: ResourceLimits
}): Effect.fn.Return<WorkerPool<Job, Answer>, never, Scope.Scope> {
  // A Set keeps the order of arrival and lets an interrupted job leave from the middle.
  const waiting = new Set<Waiting<Job, Answer>>()
  const threads = new Set<Worker>()
  const idle: Array<Worker> = []
  const busy = new Map<Worker, Waiting<Job, Answer>>()
  let meanMillis = 100
  let occupied = 0
  let closed = false

  const complete = (worker: Worker, outcome: Effect.Effect<Answer, PoolRefusal>) => {
    const done = busy.get(worker)
    busy.delete(worker)
    done?.resume(outcome)
  }

  const start = (): Worker => {
    // The thread imports nothing of the workspace, so it needs none of this process's flags.
    const worker = new Worker(entryOf(options.worker), {
      execArgv: [],
      workerData: { niceness: options.niceness ?? 10 } satisfies WorkerOptions,
      ...(options.resourceLimits && { resourceLimits: options.resourceLimits })
    })
    threads.add(worker)
    worker.on("message", (answer: Answer) => {
      meanMillis += (answer.milliseconds - meanMillis) / 8
      // Marked as idle first, because completing a job may synchronously submit the next one.
      idle.push(worker)
      complete(worker, Effect.succeed(answer))
      dispatch()
    })
    let failure: unknown = undefined
    worker.on("error", (cause) => {
      failure = cause
    })
    worker.on("exit", (code) => {
      threads.delete(worker)
      const index = idle.indexOf(worker)
      if (index >= 0) idle.splice(index, 1)
      complete(worker, Effect.fail({ _tag: "WorkerDied", cause: failure ?? `exit code ${code}` }))
      dispatch()
    })
    return worker
  }

  const dispatch = (): void => {
    if (closed) return
    while (idle.length > 0 || busy.size < options.size) {
      const [next] = waiting
      if (next === undefined) return
      waiting.delete(next)
      options.onDepth(waiting.size)
      const worker = idle.pop() ?? start()
      busy.set(worker, next)
      worker.postMessage(next.job)
    }
  }

  yield* Effect.addFinalizer(() =>
    Effect.promise(() => {
      closed = true
      for (const { resume } of waiting) resume(Effect.fail(poolEnded))
      waiting.clear()
      return Promise.all([...threads].map((worker) => worker.terminate()))
    })
  )

  return {
    enterQueue: Effect.suspend(() => {
      if (occupied >= options.size + options.queueSize) {
        return Effect.fail<PoolRefusal>({ _tag: "QueueFull", waitMillis: (meanMillis * occupied) / options.size })
      }
      occupied++
      return Effect.void
    }),
    leaveQueue: Effect.sync(() => {
      occupied--
    }),
    run: (job) =>
      Effect.callback((resume) => {
        if (closed) return resume(Effect.fail(poolEnded))
        const entry: Waiting<Job, Answer> = { job, resume }
        waiting.add(entry)
        options.onDepth(waiting.size)
        dispatch()
        return Effect.sync(() => {
          if (waiting.delete(entry)) options.onDepth(waiting.size)
        })
      })
  }
})

/**
 * Maps a refusal to `ServiceUnavailable`. `refused` counts the jobs that the full queue refused.
 */
export const refuse =
  (what: string, refused: Metric.Counter<number>) =>
  (refusal: PoolRefusal): Effect.Effect<never, ServiceUnavailable> =>
    refusal._tag === "QueueFull"
      ? Metric.update(refused, 1).pipe(
          Effect.andThen(
            Effect.fail(
              new ServiceUnavailable({ what, retryAfterSeconds: Math.max(1, Math.ceil(refusal.waitMillis / 1000)) })
            )
          )
        )
      : Effect.logError(`A thread for ${what} died and is replaced`, refusal.cause).pipe(
          Effect.andThen(Effect.fail(new ServiceUnavailable({ what, retryAfterSeconds: 1 })))
        )
