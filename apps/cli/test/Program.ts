import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

// The script of `npm run cli`.
const starter = fileURLToPath(new URL("../../../infra/run.mjs", import.meta.url))

/** The timeout of tests that start programs, which takes seconds while all tests share two cores. */
export const patient = { timeout: 120_000 }

/** The output of a program and its exit code. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramInput {
  /** The working directory, in which the program stores its data. */
  readonly cwd: string
  /** The environment, besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>
  /** The whole standard input, which is not a terminal. */
  readonly input?: string | Uint8Array
}

/** The command that starts the program with the arguments. */
export const commandLine = (args: ReadonlyArray<string>): readonly [string, ...Array<string>] => [
  process.execPath,
  starter,
  "cli",
  ...args
]

/** The environment of a program: only PATH and HOME of this process, so that it inherits no settings. */
export const environment = (variables: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const { HOME = "", PATH = "" } = process.env
  // The lowest cost that is allowed, to keep the tests fast.
  return { HOME, PATH, BCRYPT_COST: "10", ...variables }
}

/** Starts the program and waits for its end. It is killed if the test is interrupted. */
export const launch = (
  [command, ...args]: readonly [string, ...Array<string>],
  input: ProgramInput
): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    const child = spawn(command, args, { cwd: input.cwd, env: environment(input.env) })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    // The first start after a change prints that it bundles.
    const ownStderr = () => stderr.replace(/^Bundling \w+ \.\.\.\n/, "")
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr: ownStderr() })))
    // The program may end before it has read the whole input.
    child.stdin.on("error", () => undefined)
    child.stdin.end(input.input ?? "")
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs the command line program, as an operator does. */
export const cli = (args: ReadonlyArray<string>, input: ProgramInput): Effect.Effect<Outcome> =>
  launch(commandLine(args), input)

const terminalMaker = "script"

/** Whether `script` of util-linux, which creates the terminal, is installed. */
export const hasTerminals = spawnSync(terminalMaker, ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

/**
 * Runs the program in a terminal and types each answer when its question appears. A terminal has one stream, so `stdout` is
 * the whole output.
 */
export const runAtTerminal = (
  args: ReadonlyArray<string>,
  input: ProgramInput,
  dialogue: ReadonlyArray<readonly [question: string, answer: string]>
): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    const child = spawn(terminalMaker, ["--quiet", "--return", "--command", commandLine(args).join(" "), "/dev/null"], {
      cwd: input.cwd,
      env: environment(input.env)
    })
    let stdout = ""
    let stderr = ""
    const open = [...dialogue]
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      const [next] = open
      if (next === undefined || !stdout.includes(next[0])) return
      open.shift()
      child.stdin.write(next[1])
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** A temporary folder, removed when the scope closes. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "cli-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** The outcome of a failure that an operator can correct: only this line on standard error. */
export const failure = (line: string) => ({ code: 1, stderr: `${line}\n` })
