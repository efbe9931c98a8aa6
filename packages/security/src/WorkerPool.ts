import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Effect, Metric, type Scope } from "effect"
import { existsSync } from "node:fs"
import { type ResourceLimits, Worker } from "node:worker_threads"

/** Why a job was not done. */
export type Refusal =
  | {
      readonly _tag: "QueueFull"
      /** Until those ahead are served, as the last jobs went. */ readonly waitMillis: number
    }
  | { readonly _tag: "WorkerDied"; readonly cause: unknown }

/** What a thread answers, and how long it worked. */
export interface WorkerAnswer {
  readonly milliseconds: number
}

interface Waiting<Job, Answer> {
  readonly job: Job
  readonly resume: (outcome: Effect.Effect<Answer, Refusal>) => void
}

/**
 * Threads that do jobs, first come first served: `size` jobs run at a time, the others wait. A job interrupted while it waits
 * leaves the queue; one that runs runs out, its answer unread. A thread that dies takes its one job with it and the next
 * job starts another. Threads start with the first jobs and end with the scope.
 */
export interface WorkerPool<Job, Answer> {
  /** Takes one of `size` and `queueSize` places; where none is left it fails at once. */
  readonly takePlace: Effect.Effect<void, Refusal>
  readonly leavePlace: Effect.Effect<void>
  /** For those who hold a place: among them alone the queue is never longer than `queueSize`. */
  readonly run: (job: Job) => Effect.Effect<Answer, Refusal>
}

const ended: Refusal = { _tag: "WorkerDied", cause: "the pool has ended" }

// Beside this module both in the sources and in a bundle, where each kind of thread has an entry of its own.
const entryOf = (worker: string): URL => {
  const bundled = new URL(`./${worker}.js`, import.meta.url)
  return existsSync(bundled) ? bundled : new URL(`./${worker}.ts`, import.meta.url)
}

/** `onDepth` hears how many jobs wait, at every change. */
export const make = Effect.fnUntraced(function* <Job, Answer extends WorkerAnswer>(options: {
  /** The module of this package that the threads run, by its name without an ending. */
  readonly worker: "hash-worker" | "estimate-worker"
  readonly size: number
  readonly queueSize: number
  readonly onDepth: (waiting: number) => void
  /** How much memory each thread may take; without, as much as V8 lets it. One that needs more dies. */
  readonly resourceLimits?: ResourceLimits
}): Effect.fn.Return<WorkerPool<Job, Answer>, never, Scope.Scope> {
  // A Set keeps the order of arrival and lets an interrupted job leave from the middle.
  const waiting = new Set<Waiting<Job, Answer>>()
  const threads = new Set<Worker>()
  const idle: Array<Worker> = []
  const busy = new Map<Worker, Waiting<Job, Answer>>()
  let meanMillis = 100
  let taken = 0
  let closed = false

  const settle = (worker: Worker, outcome: Effect.Effect<Answer, Refusal>) => {
    const done = busy.get(worker)
    busy.delete(worker)
    done?.resume(outcome)
  }

  const start = (): Worker => {
    // The thread imports nothing of the workspace, so it needs none of the flags this process was started with.
    const worker = new Worker(entryOf(options.worker), {
      execArgv: [],
      ...(options.resourceLimits && { resourceLimits: options.resourceLimits })
    })
    threads.add(worker)
    worker.on("message", (answer: Answer) => {
      meanMillis += (answer.milliseconds - meanMillis) / 8
      // Idle before the answer is given, which may run the asker on the spot, and the asker may ask again.
      idle.push(worker)
      settle(worker, Effect.succeed(answer))
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
      settle(worker, Effect.fail({ _tag: "WorkerDied", cause: failure ?? `exit code ${code}` }))
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
      for (const { resume } of waiting) resume(Effect.fail(ended))
      waiting.clear()
      return Promise.all([...threads].map((worker) => worker.terminate()))
    })
  )

  return {
    takePlace: Effect.suspend(() => {
      if (taken >= options.size + options.queueSize) {
        return Effect.fail<Refusal>({ _tag: "QueueFull", waitMillis: (meanMillis * taken) / options.size })
      }
      taken++
      return Effect.void
    }),
    leavePlace: Effect.sync(() => {
      taken--
    }),
    run: (job) =>
      Effect.callback((resume) => {
        if (closed) return resume(Effect.fail(ended))
        const entered: Waiting<Job, Answer> = { job, resume }
        waiting.add(entered)
        options.onDepth(waiting.size)
        dispatch()
        return Effect.sync(() => {
          if (waiting.delete(entered)) options.onDepth(waiting.size)
        })
      })
  }
})

/**
 * What a request is answered with whose job was refused: the service is not available, and will be when those ahead are served.
 * `refused` counts those for whom there was no place.
 */
export const refuse =
  (what: string, refused: Metric.Counter<number>) =>
  (refusal: Refusal): Effect.Effect<never, ServiceUnavailable> =>
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
