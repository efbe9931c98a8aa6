import { Duration, Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { withTimeout } from "./WaitUntil.ts"

/** The exit of a program and its output. */
export interface ProgramResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program in its own process, without the settings of the test. */
export interface Program {
  readonly pid: number
  /** Its working directory. */
  readonly cwd: string
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits until its standard output matches. */
  readonly says: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** Sends the signal to the process group, as Ctrl-C in a terminal does. */
  readonly signalGroup: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly ended: Effect.Effect<ProgramResult>
  /** Sends SIGTERM and waits for the exit. */
  readonly stop: Effect.Effect<ProgramResult>
  /** Sends SIGKILL and waits for the exit. */
  readonly kill: Effect.Effect<ProgramResult>
}

/** A program that serves HTTP. */
export interface Service extends Program {
  readonly url: string
  /** The time from its launch until it was ready, or its CPU time if that is shorter, as on a busy machine. */
  readonly startedIn: Duration.Duration
}

export type Environment = Readonly<Record<string, string>>

const root = fileURLToPath(new URL("../../../", import.meta.url))
// The Node that `npm start` finds first.
const nodeOfClone = join(root, "node_modules/.bin/node")

/** A script for Node and its arguments. */
export interface Command {
  readonly script: string
  readonly args: ReadonlyArray<string>
  /** The program of Node, by default that of this clone. */
  readonly node?: string
  /** The working directory, by default an empty one. */
  readonly cwd?: string
  /** The user and the group that it runs as, by default those of the test. */
  readonly uid?: number
  readonly gid?: number
}

/** The one-process program, the API or another command. */
type App = "standalone" | "api" | Command

const commandOf = (app: App): Command =>
  typeof app === "string" ? { script: join(root, "infra/run.mjs"), args: [app] } : app

/** The command of `npm run cli --`. */
export const cli = (...args: ReadonlyArray<string>): Command => ({
  script: join(root, "infra/run.mjs"),
  args: ["cli", ...args]
})

/** A temporary folder, removed when the scope closes. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "standalone-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Launches a program as `npm start` does, in an empty folder. It is killed when the scope closes. */
export const launch = Effect.fnUntraced(function* (environment: Environment, app: App = "standalone") {
  const { args, gid, node = nodeOfClone, script, uid, ...command } = commandOf(app)
  const cwd = command.cwd ?? (yield* folder)
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(node, [script, ...args], {
        cwd,
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
        // Without the environment of the tests, which sets NODE_ENV, and with the lowest cost of hashes, to keep the tests fast.
        env: { PATH: process.env["PATH"], HOME: cwd, PORT: "0", BCRYPT_COST: "10", ...environment },
        stdio: ["ignore", "pipe", "pipe"],
        // In its own process group, so that its child processes can be killed too.
        detached: true
      })
    ),
    (child) => Effect.promise(() => endGroup(child))
  )
  return watch(child, cwd)
})

/** Launches a program and waits until it is ready. Dies with its output if it ends instead. */
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

/** Launches a program and waits for its end. */
export const run = (environment: Environment, app: App = "standalone"): Effect.Effect<ProgramResult> =>
  Effect.scoped(Effect.flatMap(launch(environment, app), ({ ended }) => ended))

// proc(5): fields 14 and 15, in hundredths of a second; field 2, in parentheses, may contain spaces. On other systems the CPU time
// is unknown, and only the clock counts.
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
    // The whole process group has ended.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

const watch = (child: ChildProcess, cwd: string): Program => {
  const output = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text
      // The first start after a change prints that it bundles.
      if (name === "stderr") output.stderr = output.stderr.replace(/^Bundling \w+ \.\.\.\n/, "")
    })
  }
  // `close` follows the end of both streams, so the output is complete.
  const closed = once(child, "close").then(([code, signal]): ProgramResult => ({
    code,
    signal,
    stdout: output.stdout,
    stderr: output.stderr
  }))
  const so = () => JSON.stringify(output, null, 2)
  const ended = Effect.promise(() => closed).pipe(withTimeout(() => `the program's end. ${so()}`))
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
    ).pipe(withTimeout(() => `${String(pattern)} from the program. ${so()}`))
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
