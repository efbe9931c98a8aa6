import { ownerOfServer } from "@user-service/database/testing/PostgresServer"
import { Context, Effect, Layer, Predicate, Schedule, Schema } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { createWriteStream, existsSync, readdirSync, readFileSync } from "node:fs"
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"

/** A program and how it is started. Its command line contains a path in the folder of the machine, by which its processes are found. */
export interface ProgramSpec {
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  /** Runs as the user postgres, because the program refuses to run as root. */
  readonly asPostgres?: boolean
  /** Further texts that only command lines of this program contain, such as the data directory of a child that outlives it. */
  readonly markers?: ReadonlyArray<string>
  /** The network namespace that it runs in. The machine's own when absent. */
  readonly namespace?: string | undefined
}

/** A started program, with all processes that it started. */
export interface Server {
  readonly name: string
  readonly start: Effect.Effect<void>
  /** Sends SIGKILL to all its processes, as the loss of its machine does. */
  readonly kill: Effect.Effect<void>
  /** Sends SIGTERM, and waits for the end of all its processes for at most 40 seconds. */
  readonly stop: Effect.Effect<void>
  /** Sends SIGSTOP to all its processes: the kernel accepts connections, nothing answers. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** Whether the output since the latest start contains the text. */
  readonly hasPrinted: (text: string) => Effect.Effect<boolean>
}

/** A condition did not come true in time. */
export class NotInTime extends Schema.TaggedError<NotInTime>()("NotInTime", {
  what: Schema.String,
  seconds: Schema.Finite
}) {
  override get message() {
    return `${this.what}: not in ${this.seconds} seconds`
  }
}

/** The folder and the processes of a run. Everything is killed and removed with the scope, also after a failure. */
export class Machine extends Context.Service<
  Machine,
  {
    readonly folder: string
    /** Makes a folder that the user postgres owns. */
    readonly makeFolder: (name: string) => Effect.Effect<string>
    /** Writes a file that the user postgres owns. */
    readonly write: (name: string, text: string) => Effect.Effect<string>
    /** Prepares a program without starting it. Its output is in a file of its name. */
    readonly server: (spec: ProgramSpec) => Server
  }
>()("@user-service/failover/engines/Machine") {
  static readonly layer: Layer.Layer<Machine> = Layer.effect(
    Machine,
    Effect.gen(function* () {
      const owner = ownerOfServer()
      const own = async (path: string) => {
        if (owner !== undefined) await chown(path, owner.uid, owner.gid)
        return path
      }
      const servers: Array<Server> = []
      const folder = yield* Effect.acquireRelease(
        Effect.promise(async () => own(await mkdtemp(join(tmpdir(), "failover-")))),
        (path) =>
          Effect.andThen(
            Effect.forEach(servers, ({ kill }) => kill, { concurrency: "unbounded", discard: true }),
            Effect.promise(() => remove(path))
          )
      )
      return {
        folder,
        makeFolder: (name) =>
          Effect.promise(async () => {
            const path = join(folder, name)
            await mkdir(path, { recursive: true, mode: 0o700 })
            return own(path)
          }),
        write: (name, text) =>
          Effect.promise(async () => {
            const path = join(folder, name)
            await writeFile(path, text, { mode: 0o600 })
            return own(path)
          }),
        server: (spec) => {
          const server = makeServer(folder, spec)
          servers.push(server)
          return server
        }
      }
    })
  )
}

const makeServer = (folder: string, spec: ProgramSpec): Server => {
  const markers = [`${folder}/${spec.name}`, ...(spec.markers ?? [])]
  let child: ChildProcess | undefined
  let output: Array<string> = []
  const pids = () => treeOf(markers, child?.exitCode === null && child.signalCode === null ? child.pid : undefined)
  const send = (name: NodeJS.Signals) => Effect.sync(() => signal(name, pids()))
  const gone = waitUntil(
    `${spec.name} ends`,
    40,
    Effect.sync(() => pids().length === 0)
  ).pipe(Effect.orDie)
  return {
    name: spec.name,
    start: Effect.sync(() => {
      child = launch(folder, spec)
      // Enough for the messages of a start.
      const own: Array<string> = []
      output = own
      child.stdout?.on("data", (chunk) => own.length < 1000 && own.push(String(chunk)))
    }),
    // Stopped first, so that none starts another.
    kill: Effect.andThen(send("SIGSTOP"), Effect.andThen(send("SIGKILL"), gone)),
    stop: Effect.andThen(
      Effect.sync(() => void child?.kill("SIGTERM")),
      gone
    ),
    freeze: Effect.andThen(send("SIGSTOP"), send("SIGSTOP")),
    thaw: send("SIGCONT"),
    hasPrinted: (text) => Effect.sync(() => output.join("").includes(text))
  }
}

const launch = (folder: string, spec: ProgramSpec): ChildProcess => {
  const inNamespace = spec.namespace === undefined ? [] : ["ip", "netns", "exec", spec.namespace]
  const [command = spec.command, ...args] = [...inNamespace, spec.command, ...spec.args]
  const child = spawn(command, args, {
    cwd: folder,
    ...(spec.asPostgres === true ? ownerOfServer() : {}),
    env: { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, HOME: folder, LANG: "C.UTF-8", ...spec.environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const log = createWriteStream(join(folder, `${spec.name}.log`), { flags: "a" })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  void once(child, "close").then(() => log.end())
  return child
}

/** Runs a command to its end and returns its output. Dies with its error output if it fails. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string | undefined>> = process.env
): Effect.Effect<string> =>
  Effect.promise((signal) => promisify(execFile)(command, [...args], { env: environment, signal })).pipe(
    Effect.map(({ stdout }) => stdout)
  )

/** Repeats the condition every 100 milliseconds until it holds. */
export const waitUntil = <R>(what: string, seconds: number, condition: Effect.Effect<boolean, never, R>) =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("100 millis") }).pipe(
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () => Effect.fail(new NotInTime({ what, seconds }))
    }),
    Effect.asVoid
  )

interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

const processes = (): ReadonlyArray<ProcessEntry> =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, "utf8")
        // proc(5): the name in parentheses may contain spaces; then the state and the parent.
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
        if (state === "Z") return []
        const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ")
        return [{ pid: Number(entry), parent: Number(parent), command }]
      } catch {
        // The process ended since it was listed.
        return []
      }
    })

/** The processes whose command line contains a marker as a whole path, the process `root`, and all their descendants. */
const treeOf = (markers: ReadonlyArray<string>, root?: number): ReadonlyArray<number> => {
  const all = processes()
  const isOf = (command: string) =>
    markers.some((marker) =>
      command
        .split(marker)
        .slice(1)
        .some((rest) => !/^[\w-]/.test(rest))
    )
  const found = new Set(all.filter(({ command, pid }) => pid === root || isOf(command)).map(({ pid }) => pid))
  for (const ancestor of found) for (const { parent, pid } of all) if (parent === ancestor) found.add(pid)
  found.delete(process.pid)
  return [...found]
}

const signal = (name: NodeJS.Signals, pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (cause) {
      if (!Predicate.hasProperty(cause, "code") || cause.code !== "ESRCH") throw cause
    }
  }
}

/** Removes the shared memory that killed PostgreSQL servers left, and the folder. */
const remove = async (folder: string): Promise<void> => {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name, "postmaster.pid")
    // PostgreSQL 15, pg_ctl: the seventh line has the key and the id of the segment.
    const [, id] = existsSync(file) ? (readFileSync(file, "utf8").split("\n")[6]?.trim().split(/\s+/) ?? []) : []
    // A segment that is gone is no failure.
    if (id !== undefined) await promisify(execFile)("ipcrm", ["-m", id]).catch(() => undefined)
  }
  if (process.env["FAILOVER_KEEP"] !== "1") await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
