import { Effect } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import process from "node:process"

const root = join(import.meta.dirname, "../../..")
const readme = readFileSync(join(root, "README.md"), "utf8")

const blocks = new Map(
  Array.from(readme.matchAll(/^```sh ([\w-]+)\n([^]*?)^```/gm), ([, name = "", commands = ""]) => [name, commands])
)

/** The commands of a block of the README. */
export const commandsOf = (name: string): string => {
  const commands = blocks.get(name)
  if (commands === undefined) throw new Error(`The README has no block ${name}`)
  return commands
}

/** A shell in which a reader follows the README. */
export interface Terminal {
  /** Runs commands and returns their output and error output. Goes on after a command that fails, as a terminal does. */
  readonly run: (commands: string) => Effect.Effect<string>
}

const environment = (cwd: string) => ({
  PATH: [join(root, "node_modules/node/bin"), process.env["PATH"]].join(delimiter),
  HOME: cwd,
  BCRYPT_COST: "10"
})

const end = "the end of these commands"

const runIn = (shell: ChildProcessWithoutNullStreams, commands: string) =>
  Effect.callback<string>((resume) => {
    let output = ""
    const collect = (text: string) => {
      output += text
      if (output.includes(`${end}\n`)) finish(Effect.succeed(output.replace(`${end}\n`, "")))
    }
    const fail = (code: number | null) => finish(Effect.die(`${commands}\nended with ${code}:\n${output}`))
    const finish = (result: Effect.Effect<string>) => {
      for (const stream of [shell.stdout, shell.stderr]) stream.off("data", collect)
      shell.off("close", fail)
      resume(result)
    }
    for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding("utf8").on("data", collect)
    shell.on("close", fail)
    shell.stdin.write(`${commands}\necho "${end}"\n`)
  })

/** Opens a shell in a folder, which ends when the scope closes. */
export const openTerminal = (cwd: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => spawn("bash", ["-s"], { cwd, env: environment(cwd) })),
      (shell) => Effect.sync(() => shell.kill("SIGKILL"))
    ),
    (shell): Terminal => ({ run: (commands) => runIn(shell, commands) })
  )
