import { Effect, Schema } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import process from "node:process"
import { type Connection, open, requestBytes } from "./load/Connection.ts"

/** A server process that the bench started. It ends with the scope. */
export interface ServerProcess {
  readonly url: URL
  readonly pid: number
  /** The time from its start to the first 200 of its readiness probe. */
  readonly readyMillis: number
  /** Sends SIGTERM, waits for the exit and returns the exit code. */
  readonly stop: Effect.Effect<number>
}

export class NotReady extends Schema.TaggedError<NotReady>()("NotReady", { what: Schema.String }) {
  override get message() {
    return `${this.what} was not ready in 30 seconds`
  }
}

/** A TCP port that nothing listens on. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new TypeError("A TCP server has a port")
  return address.port
}

/** The environment of an operator's command, without the settings of this process, which may configure engines. */
export const environmentOf = (variables: Readonly<Record<string, string>>) => ({
  PATH: process.env["PATH"],
  HOME: process.env["HOME"],
  ...variables
})

const connectWhenUp = async (url: URL, until: number): Promise<Connection | undefined> => {
  while (performance.now() < until) {
    const connection = await open(url).catch(() => undefined)
    if (connection !== undefined) return connection
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return undefined
}

/** Whether the path answers 200 within 30 seconds. */
export const awaitReady = async (url: URL, path: string): Promise<boolean> => {
  const until = performance.now() + 30_000
  const connection = await connectWhenUp(url, until)
  if (connection === undefined) return false
  while (performance.now() < until) {
    const { status } = await connection.send(requestBytes("GET", path))
    if (status === 200) {
      connection.close()
      return true
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return false
}

const stopProcess = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number> => {
  if (child.exitCode !== null) return child.exitCode
  if (child.signalCode !== null) return 1
  const exited = once(child, "exit")
  child.kill(signal)
  const [code] = await exited
  return code ?? 1
}

/** Starts a Node program that listens on `PORT` or `WORKER_PORT`, and waits for a 200 of `readyPath`. Its standard error is inherited. */
export const start = Effect.fnUntraced(function* (options: {
  readonly what: string
  readonly script: string
  readonly args?: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
  readonly readyPath: string
}) {
  const port = yield* Effect.promise(freePort)
  const url = new URL(`http://127.0.0.1:${port}`)
  const started = performance.now()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [options.script, ...(options.args ?? [])], {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...options.environment, PORT: String(port), WORKER_PORT: String(port), HOST: "127.0.0.1" }
      })
    ),
    (running) => Effect.promise(() => stopProcess(running, "SIGKILL"))
  )
  const ready = yield* Effect.promise(() => awaitReady(url, options.readyPath))
  if (!ready || child.pid === undefined) return yield* new NotReady({ what: options.what })
  return {
    url,
    pid: child.pid,
    readyMillis: performance.now() - started,
    stop: Effect.promise(() => stopProcess(child, "SIGTERM"))
  } satisfies ServerProcess
})

/** The resident memory of a process, in bytes. */
export const residentBytes = (pid: number): number => {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return Number(kilobytes) * 1024
}

// Linux reports CPU time in units of 1/100 s, whatever the timer frequency of the kernel (proc(5), USER_HZ).
const ticksPerSecond = 100

/** The CPU time of a process since its start, user and system, in seconds. */
export const cpuSeconds = (pid: number): number => {
  // The second field is the name in parentheses, which may contain spaces and parentheses.
  const [, fields = ""] = /\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? []
  const [userTicks, systemTicks] = fields.split(" ").slice(11, 13)
  return (Number(userTicks) + Number(systemTicks)) / ticksPerSecond
}
