import { ownerOfServer } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import process from "node:process"

const root = join(import.meta.dirname, "../../..")
const guide = readFileSync(join(root, "infra/docs/operations.md"), "utf8")

const blocks = new Map(
  Array.from(guide.matchAll(/^```sh ([\w-]+)\n([^]*?)^```/gm), ([, name = "", commands = ""]) => [name, commands])
)

/** The names of the blocks of the operations guide that tests run. */
export const names = [...blocks.keys()]

// Debian has the tools of PostgreSQL, such as `pg_verifybackup`, outside of PATH.
const [serverTools = ""] = globSync("/usr/lib/postgresql/*/bin/pg_verifybackup").toSorted().toReversed().map(dirname)
const path = [join(root, "node_modules/node/bin"), process.env["PATH"], serverTools].join(delimiter)

export interface BlockInput {
  readonly env: Readonly<Record<string, string>>
  /** Runs as the user of the database server and not as that of the test. */
  readonly asPostgres?: boolean
}

/** Runs a block of the operations guide as it is written, in the root of the clone, and returns its output. Dies if it fails. */
export const run = (name: string, { asPostgres = false, env }: BlockInput): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const child = spawn("bash", ["-euo", "pipefail", "-c", blocks.get(name) ?? "exit 1"], {
      ...(asPostgres ? ownerOfServer() : {}),
      // The clone may be in a folder that the server's user may not enter.
      cwd: asPostgres ? "/" : root,
      env: { PATH: path, HOME: process.env["HOME"], BCRYPT_COST: "10", ...env },
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
          : Effect.die(`Block ${name} ended with ${code}:\n${output}`)
      )
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })
