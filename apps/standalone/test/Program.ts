import { Duration, Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { within } from "./Waiting.ts"

/** How a program ended, and all it had said by then. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program in a process of its own, which knows nothing of the test's. */
export interface Program {
  readonly pid: number
  /** Where it was started. */
  readonly cwd: string
  readonly stdout: () => string
  readonly stderr: () => string
  /** Until its standard output has this in it. */
  readonly says: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** As Ctrl-C in a terminal: to the process and to all that it started. */
  readonly signalGroup: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
  /** SIGTERM, and how it ended. */
  readonly stop: Effect.Effect<Ended>
  /** SIGKILL, as a machine or the kernel's memory killer would. */
  readonly kill: Effect.Effect<Ended>
}

/** One that serves. */
export interface Service extends Program {
  readonly url: string
  /**
   * From its launch until it said where it is; where others had the processors meanwhile, the time that it had them
   * itself, which is all a start takes on a quiet machine.
   */
  readonly startedIn: Duration.Duration
}

export type Environment = Readonly<Record<string, string>>

const root = fileURLToPath(new URL("../../../", import.meta.url))
// The one that `npm start` finds first.
const node = join(root, "node_modules/.bin/node")

/** What Node runs. */
export interface Command {
  readonly script: string
  readonly args: ReadonlyArray<string>
}

/** What is started: the one-process program or the API alone, as `npm start` and `npm run api` do, or a command. */
type App = "standalone" | "api" | Command

const commandOf = (app: App): Command =>
  typeof app === "string" ? { script: join(root, "infra/run.mjs"), args: [app] } : app

/** As `npm run cli --` runs it. */
export const cli = (...args: ReadonlyArray<string>): Command => ({
  script: join(root, "infra/run.mjs"),
  args: ["cli", ...args]
})

/** A folder of the test's own, gone with the scope. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "standalone-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Launches it as `npm start` does, in a folder that has nothing to do with it. Whatever becomes of it, it ends with the scope. */
export const launch = Effect.fnUntraced(function* (environment: Environment, app: App = "standalone") {
  const cwd = yield* folder
  const { args, script } = commandOf(app)
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(node, [script, ...args], {
        cwd,
        // Nothing of the tests' own environment, which says it is one of tests.
        env: { PATH: process.env["PATH"], HOME: cwd, PORT: "0", ...environment },
        stdio: ["ignore", "pipe", "pipe"],
        // A group of its own, so that no process it started is left behind.
        detached: true
      })
    ),
    (child) => Effect.promise(() => endGroup(child))
  )
  return watch(child, cwd)
})

/** Launches it and waits until it says where it is; dies with what it said when it ends instead. */
export const start = Effect.fnUntraced(function* (environment: Environment, app: App = "standalone") {
  const [elapsed, { program, url }] = yield* Effect.timed(
    Effect.gen(function* () {
      const program = yield* launch(environment, app)
      const [, url = ""] = yield* program.says(/(?:User Service|worker) is ready.*?(http:\/\/[^\s"]+)/)
      return { program, url }
    })
  )
  const worked = yield* Effect.promise(() => processorTime(program.pid))
  return { ...program, url, startedIn: Duration.min(elapsed, worked) } satisfies Service
})

/** Launches one that is not to live long, and answers how it ended. */
export const run = (environment: Environment, app: App = "standalone"): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(launch(environment, app), ({ ended }) => ended))

// proc(5): the 14th and 15th field, in hundredths of a second; the 2nd, in parentheses, may hold spaces. Other systems do
// not tell, and there only the clock counts.
const processorTime = async (pid: number): Promise<Duration.Duration> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  if (stat === undefined) return Duration.infinity
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
  return Duration.millis((Number(user) + Number(system)) * 10)
}

const endGroup = async (child: ChildProcess): Promise<void> => {
  const isRunning = child.exitCode === null && child.signalCode === null
  const gone = isRunning ? once(child, "exit") : undefined
  signalGroup(child, "SIGKILL")
  await gone
}

const signalGroup = (child: ChildProcess, name: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch (error) {
    // All of it has ended.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

const watch = (child: ChildProcess, cwd: string): Program => {
  const output = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text
      // The first start after a change says that it bundles.
      if (name === "stderr") output.stderr = output.stderr.replace(/^Bundling \w+ \.\.\.\n/, "")
    })
  }
  // Not before both streams have closed: the last words count.
  const closed = once(child, "close").then(([code, signal]): Ended => ({
    code,
    signal,
    stdout: output.stdout,
    stderr: output.stderr
  }))
  const so = () => JSON.stringify(output, null, 2)
  const ended = Effect.promise(() => closed).pipe(within(() => `the program's end. ${so()}`))
  const says = (pattern: RegExp) =>
    Effect.raceFirst(
      Effect.callback<RegExpExecArray>((resume) => {
        const look = () => {
          const found = pattern.exec(output.stdout)
          if (found !== null) resume(Effect.succeed(found))
        }
        look()
        child.stdout?.on("data", look)
        return Effect.sync(() => child.stdout?.off("data", look))
      }),
      Effect.flatMap(
        Effect.promise(() => closed),
        () => Effect.die(`The program ended without ${String(pattern)}. ${so()}`)
      )
    ).pipe(within(() => `${String(pattern)} from the program. ${so()}`))
  const signal = (name: NodeJS.Signals) => Effect.sync(() => void child.kill(name))
  return {
    pid: child.pid ?? 0,
    cwd,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    says,
    signal,
    signalGroup: (name) => Effect.sync(() => signalGroup(child, name)),
    ended,
    stop: Effect.andThen(signal("SIGTERM"), ended),
    kill: Effect.andThen(signal("SIGKILL"), ended)
  }
}
