import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { freePort, ownerOfServer } from "./PostgresServer.ts"

// Debian installs it in a folder that only root has in its PATH.
const program = ["/usr/sbin", ...(process.env["PATH"] ?? "").split(delimiter)]
  .map((folder) => join(folder, "pgbouncer"))
  .find((path) => existsSync(path))

/** Why this machine cannot run PgBouncer. Empty if it can. */
export const skipReason = program === undefined ? "PgBouncer is not installed" : ""

/** Starts a PgBouncer in front of the server at `url` and returns the URL for clients. Ends with the scope. */
export const make = Effect.fnUntraced(function* (
  url: string,
  options: {
    readonly mode: "session" | "transaction"
    /** How many sessions it opens to the server. */
    readonly sessions: number
    /** More lines for its configuration file. */
    readonly settings?: ReadonlyArray<string>
  }
) {
  const path = program ?? (yield* Effect.die(skipReason))
  const owner = ownerOfServer()
  const port = yield* freePort
  const directory = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const path = await mkdtemp(join(tmpdir(), "pgbouncer-"))
      if (owner !== undefined) await chown(path, owner.uid, owner.gid)
      return path
    }),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const server = new URL(url)
  const settings = [
    "[databases]",
    // With "any" every client logs in to the server as this user.
    `* = host=${server.hostname} port=${server.port || 5432} user=${decodeURIComponent(server.username)}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = any",
    `pool_mode = ${options.mode}`,
    `default_pool_size = ${options.sessions}`,
    ...(options.settings ?? [])
  ]
  const file = join(directory, "pgbouncer.ini")
  yield* Effect.promise(() => writeFile(file, `${settings.join("\n")}\n`, { mode: 0o644 }))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(path, [file], { ...owner, stdio: ["ignore", "ignore", "pipe"] })),
    (child) => Effect.promise(() => kill(child))
  )
  yield* Effect.promise(() => waitUntilListening(child))
  server.hostname = "127.0.0.1"
  server.port = String(port)
  return server.href
})

const waitUntilListening = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const output: Array<string> = []
    child.stderr?.on("data", (chunk) => {
      output.push(String(chunk))
      if (output.join("").includes("process up")) resolve()
    })
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`pgbouncer did not start: ${output.join("")}`)))
  })

const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}
