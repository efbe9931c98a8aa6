import { Effect, Predicate } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, realpathSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import type { Readable } from "node:stream"
import { promisify } from "node:util"

/** A RabbitMQ of the test's own, to be killed, frozen and brought back. Ends with the scope. */
export interface RabbitMqServer {
  readonly url: string
  readonly start: Effect.Effect<void>
  /** At once, as a machine goes. What is on disk is there after the next start. */
  readonly kill: Effect.Effect<void>
  /** Takes connections, reads and answers nothing. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** Runs `rabbitmqctl` and answers with what it prints. */
  readonly control: (...command: ReadonlyArray<string>) => Effect.Effect<string>
}

const path = process.env["PATH"] ?? ""

const find = (program: string): string | undefined =>
  path
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(existsSync)

const server = find("rabbitmq-server")
const epmd = find("epmd")

export const isInstalled = server !== undefined && epmd !== undefined

/** Not started yet. */
export const make = Effect.gen(function* () {
  if (server === undefined || epmd === undefined) return yield* Effect.die("RabbitMQ is not installed")
  // Debian puts other scripts in front of RabbitMQ's own, which want root.
  const scripts = dirname(realpathSync(server))
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "rabbitmq-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )
  const [port, distributionPort, epmdPort] = yield* Effect.promise(() => freePorts(3))
  const environment = {
    PATH: path,
    // Where Erlang keeps its cookie.
    HOME: directory,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_NODENAME: `test-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(directory, "mnesia"),
    RABBITMQ_LOG_BASE: join(directory, "log"),
    RABBITMQ_PID_FILE: join(directory, "pid"),
    // None of these is there: nothing of what is set up for the machine's own RabbitMQ.
    RABBITMQ_CONF_ENV_FILE: join(directory, "environment"),
    RABBITMQ_CONFIG_FILE: join(directory, "rabbitmq"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, "plugins"),
    // Without a shell around it, which would be killed in its place.
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
    RABBITMQ_CTL_ERL_ARGS: "-start_epmd false"
  }
  let running: ChildProcess | undefined

  // The register of Erlang's nodes, which whoever comes first would else start in the background and leave behind.
  const register = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(epmd, ["-d", "-address", "127.0.0.1", "-port", String(epmdPort)], { stdio: ["ignore", "ignore", "pipe"] })
    ),
    (child) => Effect.promise(() => end(child))
  )
  yield* Effect.promise(() => said(register.stderr, "epmd running"))
  const kill = Effect.promise(async () => {
    const child = running
    running = undefined
    if (child !== undefined) await end(child)
  })
  const start = Effect.promise(async () => {
    const child = spawn(join(scripts, "rabbitmq-server"), { env: environment, stdio: ["ignore", "pipe", "inherit"] })
    running = child
    await said(child.stdout, "completed with")
  })
  const signal = (name: NodeJS.Signals) => Effect.sync(() => void running?.kill(name))

  yield* Effect.addFinalizer(() => kill)
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    start,
    kill,
    freeze: signal("SIGSTOP"),
    thaw: signal("SIGCONT"),
    control: (...command) =>
      Effect.promise((signal) =>
        promisify(execFile)(join(scripts, "rabbitmqctl"), ["-q", ...command], { env: environment, signal })
      ).pipe(Effect.map(({ stdout }) => stdout))
  } satisfies RabbitMqServer
})

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}

/** Reads on when it is said, for the other end minds a pipe that is closed. */
const said = (output: Readable, words: string): Promise<void> =>
  new Promise((resolve, reject) => {
    output.on("data", (text) => String(text).includes(words) && resolve())
    output.once("end", () => reject(new Error(`It ended without saying "${words}"`)))
  })

const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"))
  await Promise.all(servers.map((server) => once(server, "listening")))
  const addresses = servers.map((server) => server.address())
  await Promise.all(servers.map((server) => once(server.close(), "close")))
  return addresses.map((address) => (Predicate.hasProperty(address, "port") ? Number(address.port) : 0))
}
