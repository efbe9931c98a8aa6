import { ownerOfServer } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { chown, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "../../..")
const guide = readFileSync(join(root, "infra/docs/operations.md"), "utf8")

/** The program of the commands, which `npm run bundle` creates. */
export const cliBundle = join(root, "apps/cli/bundle/main.js")

const blocks = new Map(
  Array.from(guide.matchAll(/^```sh ([\w-]+)\n([^]*?)^```/gm), ([, name = "", commands = ""]) => [name, commands])
)

/** The names of the blocks of the operations guide that tests run. */
export const names = [...blocks.keys()]

/** The commands of a block. */
export const commandsOf = (name: string): string => blocks.get(name) ?? "exit 1"

// Debian has the tools of PostgreSQL, such as `pg_verifybackup`, outside of PATH.
const [serverTools = ""] = globSync("/usr/lib/postgresql/*/bin/pg_verifybackup").toSorted().toReversed().map(dirname)
const path = [join(root, "node_modules/node/bin"), process.env["PATH"], serverTools].join(delimiter)

export interface BlockInput {
  readonly env: Readonly<Record<string, string>>
  /** Runs as the user of the database server and not as that of the test. */
  readonly asPostgres?: boolean
  /** A folder whose programs come first in PATH. */
  readonly programs?: string
}

/** Runs a block of the operations guide as it is written, in the root of the clone, and returns its output. Dies if it fails. */
export const run = (name: string, input: BlockInput): Effect.Effect<string> => execute(commandsOf(name), input)

/** Runs commands as {@link run} does. */
export const execute = (
  commands: string,
  { asPostgres = false, env, programs = "" }: BlockInput
): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const child = spawn("bash", ["-euo", "pipefail", "-c", commands], {
      ...(asPostgres ? ownerOfServer() : {}),
      // The clone may be in a folder that the server's user may not enter.
      cwd: asPostgres ? "/" : root,
      env: { PATH: `${programs}${delimiter}${path}`, HOME: process.env["HOME"], BCRYPT_COST: "10", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text))
    }
    child.on("close", (code) =>
      // The first start of a command after a change prints that it bundles.
      resume(
        code === 0
          ? Effect.succeed(output.replaceAll(/^Bundling \w+ \.\.\.\n/gm, ""))
          : Effect.die(`${commands}\nended with ${code}:\n${output}`)
      )
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs the line for cron, with other paths, in the environment that cron gives it, and returns what cron would mail. */
export const runCron = (paths: ReadonlyArray<readonly [from: string, to: string]>): Effect.Effect<string> => {
  const [, file = ""] = /^```crontab\n([^]*?)^```/m.exec(guide) ?? []
  // The file of /etc/cron.d: five fields of time, the user, and the command.
  const [, line = ""] = /^(?:[\d*,/-]+ ){5}user-service (.+)$/m.exec(file) ?? []
  const [, crontabPath = ""] = /^PATH=(.+)$/m.exec(file) ?? []
  const command = paths.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`The line for cron does not name ${from}`)
    return text.replaceAll(from, to)
  }, line)
  const env = { PATH: `${join(root, "node_modules/node/bin")}${delimiter}${crontabPath}` }
  return Effect.promise(async () => {
    const { stderr, stdout } = await promisify(execFile)("/bin/sh", ["-c", command], { cwd: "/", env })
    return stdout + stderr
  })
}

/** A folder for backups that the server's user may write to, removed when the scope closes. */
export const backupFolder = Effect.acquireRelease(
  Effect.promise(async () => {
    const path = await mkdtemp(join(tmpdir(), "backup-"))
    const owner = ownerOfServer()
    if (owner !== undefined) await chown(path, owner.uid, owner.gid)
    return path
  }),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
