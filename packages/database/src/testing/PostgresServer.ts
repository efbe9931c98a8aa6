import { Effect, Predicate } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, globSync } from "node:fs"
import { chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout } from "node:timers/promises"

/** A PostgreSQL of the test's own, to be killed, frozen and brought back. Ends with the scope. */
export interface PostgresServer {
  /** As its superuser, without a password. */
  readonly url: string
  /** Where its Unix socket is. */
  readonly socketFolder: string
  readonly port: number
  /** Done once it takes connections; after a kill it recovers what was committed. */
  readonly start: Effect.Effect<void>
  /** All its processes at once and without a word, as a crash does. */
  readonly kill: Effect.Effect<void>
  /** In order: statements are cut off, clients are told (57P01). */
  readonly stop: Effect.Effect<void>
  /** Takes connections and statements, answers none. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

// Where Debian keeps the newest, else whatever the shell would find.
const folders = [
  ...globSync("/usr/lib/postgresql/*/bin").toSorted((a, b) => b.localeCompare(a, "en", { numeric: true })),
  ...(process.env["PATH"] ?? "").split(delimiter)
]
const binaries = folders.find((folder) => ["initdb", "postgres"].every((name) => existsSync(join(folder, name))))

/** Why this machine cannot run one; empty where it can. */
export const skipReason = binaries === undefined ? "PostgreSQL's own programs (initdb, postgres) are not installed" : ""

export interface PostgresServerOptions {
  /** Settings beyond those of every test's server, as `name=value`. */
  readonly settings?: ReadonlyArray<string>
  /** Who may log in, in place of everyone without a password: the lines of `pg_hba.conf`. */
  readonly access?: ReadonlyArray<string>
  /** The certificate it shows to those who ask for TLS. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string }
}

/** With an empty cluster, not started yet. */
export const make = Effect.fnUntraced(function* (options: PostgresServerOptions = {}) {
  const programs = binaries ?? (yield* Effect.die(skipReason))
  const owner = ownerOfServer()
  const port = yield* Effect.promise(freePort)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const path = await mkdtemp(join(tmpdir(), "postgres-"))
      if (owner !== undefined) await chown(path, owner.uid, owner.gid)
      return path
    }),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const run = (program: string, parameters: ReadonlyArray<string>) =>
    spawn(join(programs, program), [...parameters, "-D", join(directory, "data")], {
      ...owner,
      cwd: directory,
      stdio: ["ignore", "ignore", "pipe"]
    })
  yield* Effect.promise(() => succeeded(run("initdb", [...clusterSettings])))
  const own = (name: string) => join(directory, "data", name)
  const put = async (path: string, text: string | Buffer) => {
    await writeFile(path, text, { mode: 0o600 })
    if (owner !== undefined) await chown(path, owner.uid, owner.gid)
  }
  const { access, settings = [], tls } = options
  if (access !== undefined) yield* Effect.promise(() => put(own("pg_hba.conf"), `${access.join("\n")}\n`))
  if (tls !== undefined) {
    yield* Effect.promise(async () => {
      await put(own("server.crt"), await readFile(tls.certificateFile))
      await put(own("server.key"), await readFile(tls.keyFile))
    })
  }
  const all = [...serverSettings, `unix_socket_directories=${directory}`, ...(tls ? ["ssl=on"] : []), ...settings]

  let child: ChildProcess | undefined
  const running = () => (child?.exitCode === null && child.signalCode === null ? child.pid : undefined)

  const start = Effect.promise(async () => {
    if (running() !== undefined) return
    child = run("postgres", ["-p", String(port), ...all.flatMap((setting) => ["-c", setting])])
    await saysReady(child)
  })
  const end = (name: NodeJS.Signals, whom: (pid: number) => ReadonlyArray<number>) =>
    Effect.promise(async () => {
      const pid = running()
      if (child === undefined || pid === undefined) return
      const gone = once(child, "exit")
      const pids = whom(pid)
      signal(name, pids)
      await gone
      // The next start is refused while one of them still holds the shared memory.
      while (processes().some(({ ended, pid }) => pids.includes(pid) && !ended)) await setTimeout(5)
    })
  const first = (pid: number) => [pid]
  const onRunning = (act: (pid: number) => void) =>
    Effect.sync(() => {
      const pid = running()
      if (pid !== undefined) act(pid)
    })
  const thaw = onRunning((pid) => signal("SIGCONT", [...childrenOf(pid), pid]))

  // Not by a kill, nor left killed: its shared memory would stay behind for good.
  yield* Effect.addFinalizer(() =>
    child === undefined ? Effect.void : thaw.pipe(Effect.andThen(start), Effect.andThen(end("SIGQUIT", first)))
  )
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    socketFolder: directory,
    port,
    start,
    kill: end("SIGKILL", frozen),
    stop: end("SIGINT", first),
    freeze: onRunning(frozen),
    thaw
  } satisfies PostgresServer
})

const clusterSettings = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]

// What is written survives the processes, not the machine, and no more than that is tried.
const serverSettings = ["listen_addresses=127.0.0.1", "fsync=off"]

/** Who a server has to run as: PostgreSQL and PgBouncer refuse to be root. */
export const ownerOfServer = (): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: idOf("-u"), gid: idOf("-g") }
}

const succeeded = async (child: ChildProcess): Promise<void> => {
  const said = listen(child)
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`initdb failed: ${said.join("")}`)
}

const saysReady = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const said = listen(child)
    child.stderr?.on("data", () => {
      if (said.join("").includes("database system is ready to accept connections")) resolve()
    })
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`postgres did not start: ${said.join("")}`)))
  })

// Read to its end, else the server would wait for room to write.
const listen = (child: ChildProcess): ReadonlyArray<string> => {
  const said: Array<string> = []
  child.stderr?.on("data", (chunk) => said.push(String(chunk)))
  return said
}

/** The server's processes, stopped: the first before the others are counted, so that there are no new ones. */
const frozen = (pid: number): ReadonlyArray<number> => {
  signal("SIGSTOP", [pid])
  const children = childrenOf(pid)
  signal("SIGSTOP", children)
  return [...children, pid]
}

const signal = (name: NodeJS.Signals, pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (cause) {
      // One may have ended since they were counted.
      if (!Predicate.hasProperty(cause, "code") || cause.code !== "ESRCH") throw cause
    }
  }
}

const processes = () =>
  execFileSync("ps", ["-A", "-o", "pid=,ppid=,state="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state]) => ({ pid: Number(pid), parent: Number(parent), ended: state?.startsWith("Z") }))

const childrenOf = (pid: number): ReadonlyArray<number> =>
  processes()
    .filter(({ parent }) => parent === pid)
    .map((child) => child.pid)

/** A port of this machine that nobody listens on. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new TypeError("No port")
  return address.port
}
