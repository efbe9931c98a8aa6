import { Effect, Predicate } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { createSocket } from "node:dgram"
import { type EventEmitter, once } from "node:events"
import { existsSync, globSync } from "node:fs"
import { chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout } from "node:timers/promises"

/** A PostgreSQL server for one test, which can kill, freeze and restart it. Ends with the scope. */
export interface PostgresServer {
  /** The URL of its superuser, without a password. */
  readonly url: string
  /** The folder of its Unix socket. */
  readonly socketFolder: string
  readonly port: number
  /** Returns when the server accepts connections. After a kill it first recovers the committed transactions. */
  readonly start: Effect.Effect<void>
  /** Sends SIGKILL to all its processes, like a crash. */
  readonly kill: Effect.Effect<void>
  /** Fast shutdown: cancels statements and ends sessions with 57P01. */
  readonly stop: Effect.Effect<void>
  /** Sends SIGSTOP: the kernel accepts connections, the server answers nothing. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

// The folder that the environment names, Debian's folders with the newest version first, then PATH.
const folders = [
  ...(process.env["TEST_POSTGRES_PROGRAMS"] ?? "").split(delimiter),
  ...globSync("/usr/lib/postgresql/*/bin").toSorted((a, b) => b.localeCompare(a, "en", { numeric: true })),
  ...(process.env["PATH"] ?? "").split(delimiter)
]
const binaries = folders.find((folder) => ["initdb", "postgres"].every((name) => existsSync(join(folder, name))))

/** Why this machine cannot run PostgreSQL. Empty if it can. */
export const skipReason = binaries === undefined ? "PostgreSQL's own programs (initdb, postgres) are not installed" : ""

export interface PostgresServerOptions {
  /** The folder of PostgreSQL's own programs. The programs of this machine when absent. */
  readonly programs?: string
  /** The folder in which the server's own folder is made, such as a small disk. That of temporary files when absent. */
  readonly parent?: string
  /** Additional settings, as `name=value`. */
  readonly settings?: ReadonlyArray<string>
  /** The lines of `pg_hba.conf`. Everyone may log in without a password when absent. */
  readonly access?: ReadonlyArray<string>
  /** The certificate for TLS. No TLS when absent. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string }
}

/** Creates an empty cluster without starting the server. */
export const make = Effect.fnUntraced(function* (options: PostgresServerOptions = {}) {
  const programs = options.programs ?? binaries ?? (yield* Effect.die(skipReason))
  const owner = ownerOfServer()
  const port = yield* freePort
  const directory = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const path = await mkdtemp(join(options.parent ?? tmpdir(), "postgres-"))
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
  yield* Effect.promise(() => waitForSuccess(run("initdb", [...clusterSettings])))
  const own = (name: string) => join(directory, "data", name)
  const { access, settings = [], tls } = options
  if (access !== undefined) yield* Effect.promise(() => writeOwned(own("pg_hba.conf"), `${access.join("\n")}\n`))
  if (tls !== undefined) {
    yield* Effect.promise(async () => {
      await writeOwned(own("server.crt"), await readFile(tls.certificateFile))
      await writeOwned(own("server.key"), await readFile(tls.keyFile))
    })
  }
  const all = [...serverSettings, `unix_socket_directories=${directory}`, ...(tls ? ["ssl=on"] : []), ...settings]

  let child: ChildProcess | undefined
  const running = () => (child?.exitCode === null && child.signalCode === null ? child.pid : undefined)

  const start = Effect.promise(async () => {
    if (running() !== undefined) return
    child = run("postgres", ["-p", String(port), ...all.flatMap((setting) => ["-c", setting])])
    await waitUntilReady(child)
  })
  const end = (name: NodeJS.Signals, pidsOf: (pid: number) => ReadonlyArray<number>) =>
    Effect.promise(async () => {
      const pid = running()
      if (child === undefined || pid === undefined) return
      const gone = once(child, "exit")
      const pids = pidsOf(pid)
      signal(name, pids)
      await gone
      // The server cannot start while one of the old processes still uses the shared memory.
      while (processes().some(({ ended, pid }) => pids.includes(pid) && !ended)) await setTimeout(5)
    })
  const onlyParent = (pid: number) => [pid]
  const onRunning = (act: (pid: number) => void) =>
    Effect.sync(() => {
      const pid = running()
      if (pid !== undefined) act(pid)
    })
  const thaw = onRunning((pid) => signal("SIGCONT", [...childrenOf(pid), pid]))

  // Restarts a killed server to shut it down properly, because its shared memory would otherwise remain.
  yield* Effect.addFinalizer(() =>
    child === undefined ? Effect.void : thaw.pipe(Effect.andThen(start), Effect.andThen(end("SIGQUIT", onlyParent)))
  )
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    socketFolder: directory,
    port,
    start,
    kill: end("SIGKILL", stopAll),
    stop: end("SIGINT", onlyParent),
    freeze: onRunning(stopAll),
    thaw
  } satisfies PostgresServer
})

const clusterSettings = [
  "-U",
  "postgres",
  "-A",
  "trust",
  "-E",
  "UTF8",
  "--locale=C.UTF-8",
  "--no-sync",
  "--no-instructions"
]

// Without fsync, written data survives a kill of the processes but not of the machine. The tests need no more.
const serverSettings = ["listen_addresses=127.0.0.1", "fsync=off"]

/** The user that runs the server if the tests run as root: PostgreSQL and PgBouncer refuse to run as root. */
export const ownerOfServer = (): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: idOf("-u"), gid: idOf("-g") }
}

/** Writes a file that only the user of the server may read. */
export const writeOwned = async (path: string, text: string | Buffer): Promise<void> => {
  await writeFile(path, text, { mode: 0o600 })
  const owner = ownerOfServer()
  if (owner !== undefined) await chown(path, owner.uid, owner.gid)
}

const waitForSuccess = async (child: ChildProcess): Promise<void> => {
  const output = collectOutput(child)
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`initdb failed: ${output.join("")}`)
}

const waitUntilReady = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const output = collectOutput(child)
    child.stderr?.on("data", () => {
      if (output.join("").includes("database system is ready to accept connections")) resolve()
    })
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`postgres did not start: ${output.join("")}`)))
  })

// Reads the output to its end, because the server would block on a full pipe.
const collectOutput = (child: ChildProcess): ReadonlyArray<string> => {
  const output: Array<string> = []
  child.stderr?.on("data", (chunk) => output.push(String(chunk)))
  return output
}

/** Stops all processes of the server and returns their pids. Stops the parent first, so that it starts no new ones. */
const stopAll = (pid: number): ReadonlyArray<number> => {
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
      // The process may have ended since it was listed.
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

/**
 * A free TCP port of this machine, claimed until the scope closes. It is below the ports that Linux gives to outgoing connections and
 * to listeners without a port of their own, so that none of these takes it before the server starts or while it is down. The claim is
 * a UDP socket with the same number, so that other tests choose another port, also those of another run on this machine.
 */
export const freePort = Effect.acquireRelease(
  Effect.promise(async () => {
    for (;;) {
      const port = randomInt(10_000, 32_768)
      const claim = createSocket("udp4")
      if (await isBound(claim.bind(port, "127.0.0.1"))) {
        const server = createServer()
        if (await isBound(server.listen(port, "127.0.0.1"))) {
          await once(server.close(), "close")
          return { port, claim }
        }
      }
      await once(claim.close(), "close")
    }
  }),
  ({ claim }) => Effect.promise(() => once(claim.close(), "close"))
).pipe(Effect.map(({ port }) => port))

const isBound = (socket: EventEmitter): Promise<boolean> =>
  once(socket, "listening").then(
    () => true,
    () => false
  )
