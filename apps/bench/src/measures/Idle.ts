import { Effect } from "effect"
import { join } from "node:path"
import { Bench, temporaryFolder } from "../Bench.ts"
import type { Figure } from "../Figure.ts"
import { cpuSeconds, start } from "../Processes.ts"
import * as Worker from "../Worker.ts"

const root = join(import.meta.dirname, "../../../..")

// By then the work that follows a start, such as compilation and garbage collection, is over.
const settleTime = "40 seconds"
const watchSeconds = 60

// The CPU time of each process, as a share of one core.
const shares = Effect.fnUntraced(function* (pids: ReadonlyArray<number>) {
  yield* Effect.sleep(settleTime)
  const before = pids.map(cpuSeconds)
  yield* Effect.sleep(`${watchSeconds} seconds`)
  return pids.map((pid, index) => (cpuSeconds(pid) - (before[index] ?? Number.NaN)) / watchSeconds)
})

/** P15. */
export const idle = Effect.gen(function* () {
  const { environment, serviceScript } = yield* Bench
  const standalone = yield* start({
    what: "The one-process program",
    script: join(root, "infra/run.mjs"),
    args: ["standalone"],
    environment: { DATA_DIR: yield* temporaryFolder, LOG_FORMAT: "json" },
    readyPath: "/health/ready"
  })
  const api = yield* start({ what: "An API", script: serviceScript, environment, readyPath: "/health/ready" })
  const worker = yield* Worker.start
  const names = ["`npm start`", "an API", "a worker"]
  return (yield* shares([standalone.pid, api.pid, worker.pid])).map((share, index): Figure => ({
    id: "P15",
    measure: `CPU of ${names[index]} with nothing to do, over one core`,
    unit: "% of a core",
    goal: { must: 0.005, aim: 0.001, better: "lower" },
    ours: share * 100,
    baseline: 100,
    ratio: share
  }))
}).pipe(Effect.scoped)
