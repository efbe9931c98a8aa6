import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

// What `npm run cli` runs.
const starter = fileURLToPath(new URL("../../../infra/run.mjs", import.meta.url))

/** For tests that start programs, which takes seconds where all tests share two cores. */
export const patient = { timeout: 120_000 }

/** What a program said, and its exit code. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Given {
  /** A folder of the test's own: what the program keeps, it keeps there. */
  readonly cwd: string
  /** All of the environment but what finds programs. */
  readonly env?: Readonly<Record<string, string>>
  /** All of standard input, which is no terminal. */
  readonly input?: string | Uint8Array
}

/** How the command line starts the program. */
export const commandLine = (args: ReadonlyArray<string>): readonly [string, ...Array<string>] => [
  process.execPath,
  starter,
  "cli",
  ...args
]

/** What a program gets: nothing of this process but where programs are, so that no setting slips in. */
export const environment = (variables: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const { HOME = "", PATH = "" } = process.env
  // The least work a hash may cost, or the tests wait for it.
  return { HOME, PATH, BCRYPT_COST: "10", ...variables }
}

/** Starts the program and waits for its end; one that does not end is killed with the test. */
export const launch = ([command, ...args]: readonly [string, ...Array<string>], given: Given): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    const child = spawn(command, args, { cwd: given.cwd, env: environment(given.env) })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    // The first start after a change says that it bundles.
    const said = () => stderr.replace(/^Bundling \w+ \.\.\.\n/, "")
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr: said() })))
    // One that ends before it has read all of it says so in its own way.
    child.stdin.on("error", () => undefined)
    child.stdin.end(given.input ?? "")
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The real program, as an operator runs it. */
export const cli = (args: ReadonlyArray<string>, given: Given): Effect.Effect<Outcome> =>
  launch(commandLine(args), given)

const terminalMaker = "script"

/** Whether this machine has what makes the terminal: `script`, as util-linux has it. */
export const hasTerminals = spawnSync(terminalMaker, ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

/**
 * The program at a terminal, with a person who types each answer once the screen shows its question. A terminal has one
 * stream: `stdout` is the whole screen.
 */
export const atTerminal = (
  args: ReadonlyArray<string>,
  given: Given,
  dialogue: ReadonlyArray<readonly [question: string, answer: string]>
): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    const child = spawn(terminalMaker, ["--quiet", "--return", "--command", commandLine(args).join(" "), "/dev/null"], {
      cwd: given.cwd,
      env: environment(given.env)
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

/** A folder that goes with the scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "cli-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** What an operator sees of a failure that is theirs to mend: this line, and nothing else on standard error. */
export const failure = (line: string) => ({ code: 1, stderr: `${line}\n` })
