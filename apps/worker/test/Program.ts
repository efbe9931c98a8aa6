import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** The exit code of a worker and its output. */
export interface ProgramResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The worker program in its own process. */
export interface Program {
  /** Waits until it is ready and returns the URL of its probes. */
  readonly ready: Effect.Effect<string>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<ProgramResult>
}

const root = fileURLToPath(new URL("../../../", import.meta.url))
// The command of `npm run worker`.
const command = [join(root, "node_modules/.bin/node"), join(root, "infra/run.mjs"), "worker"] as const

const longestWait = "60 seconds"

/** Starts a worker. It is killed when the scope closes. */
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
        // Without the environment of the tests, which sets NODE_ENV.
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
  // The first start after a change prints that it bundles.
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.stderr = (output.stderr + text).replace(/^Bundling \w+ \.\.\.\n/, "")
  })
  // `close` follows the end of both streams, so the output is complete.
  const closed = once(child, "close").then(([code]): ProgramResult => ({ code, ...output }))

  const within = <A>(what: string, wait: Effect.Effect<A>): Effect.Effect<A> =>
    Effect.timeoutOrElse(wait, {
      duration: longestWait,
      orElse: () => Effect.die(`${what}: not in ${longestWait}. ${JSON.stringify(output, null, 2)}`)
    })
  const readyUrl = Effect.callback<string>((resume) => {
    const look = () => {
      const [, url] = /The worker is ready.*?(http:\/\/[^\s"]+)/.exec(output.stdout) ?? []
      if (url !== undefined) resume(Effect.succeed(url))
    }
    look()
    child.stdout?.on("data", look)
    return Effect.sync(() => child.stdout?.off("data", look))
  })
  const earlyExit = Effect.flatMap(
    Effect.promise(() => closed),
    (end) => Effect.die(`The worker ended: ${JSON.stringify(end, null, 2)}`)
  )
  return {
    ready: within("The worker is ready", Effect.raceFirst(readyUrl, earlyExit)),
    signal: (name) => Effect.sync(() => void child.kill(name)),
    ended: within(
      "The worker ends",
      Effect.promise(() => closed)
    )
  }
}
