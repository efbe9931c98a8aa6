import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** How a worker ended, and all it had said by then. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The real program in a process of its own. */
export interface Program {
  /** Until it is ready: where its probes are. */
  readonly ready: Effect.Effect<string>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

const root = fileURLToPath(new URL("../../../", import.meta.url))
// What `npm run worker` runs.
const command = [join(root, "node_modules/.bin/node"), join(root, "infra/run.mjs"), "worker"] as const

const longestWait = "60 seconds"

/** Starts a worker, which ends with the scope whatever becomes of it. */
export const start = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>>) {
  const cwd = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "worker-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const [node, ...args] = command
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(node, args, {
        cwd,
        // Nothing of the tests' own environment, which says it is one of tests.
        env: { PATH: process.env["PATH"], HOME: cwd, WORKER_PORT: "0", ...environment },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    (child) => Effect.promise(() => kill(child))
  )
  return watch(child)
})

const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}

const watch = (child: ChildProcess): Program => {
  const output = { stdout: "", stderr: "" }
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.stdout += text))
  // The first start after a change says that it bundles.
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.stderr = (output.stderr + text).replace(/^Bundling \w+ \.\.\.\n/, "")
  })
  // Not before both streams have closed: the last words count.
  const closed = once(child, "close").then(([code]): Ended => ({ code, ...output }))

  const within = <A>(what: string, wait: Effect.Effect<A>): Effect.Effect<A> =>
    Effect.timeoutOrElse(wait, {
      duration: longestWait,
      orElse: () => Effect.die(`${what}: not in ${longestWait}. ${JSON.stringify(output, null, 2)}`)
    })
  const saysWhere = Effect.callback<string>((resume) => {
    const look = () => {
      const [, url] = /The worker is ready.*?(http:\/\/[^\s"]+)/.exec(output.stdout) ?? []
      if (url !== undefined) resume(Effect.succeed(url))
    }
    look()
    child.stdout?.on("data", look)
    return Effect.sync(() => child.stdout?.off("data", look))
  })
  const endedInstead = Effect.flatMap(
    Effect.promise(() => closed),
    (end) => Effect.die(`The worker ended: ${JSON.stringify(end, null, 2)}`)
  )
  return {
    ready: within("The worker is ready", Effect.raceFirst(saysWhere, endedInstead)),
    signal: (name) => Effect.sync(() => void child.kill(name)),
    ended: within(
      "The worker ends",
      Effect.promise(() => closed)
    )
  }
}
