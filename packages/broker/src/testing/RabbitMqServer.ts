import { Effect } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { createSocket } from "node:dgram"
import { type EventEmitter, once } from "node:events"
import { existsSync, realpathSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import type { Readable } from "node:stream"
import { promisify } from "node:util"

/** A RabbitMQ process for one test, which can kill, freeze and restart it. Ends with the scope. */
export interface RabbitMqServer {
  readonly url: string
  readonly start: Effect.Effect<void>
  /** Sends SIGKILL. Files on disk survive. */
  readonly kill: Effect.Effect<void>
  /** Sends SIGSTOP: the kernel accepts connections, the server reads and answers nothing. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** Runs `rabbitmqctl` and returns its output. */
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

/** Prepares a server with these plugins without starting it. */
export const makeWithPlugins = Effect.fnUntraced(function* (plugins: ReadonlyArray<string>) {
  if (server === undefined || epmd === undefined) return yield* Effect.die("RabbitMQ is not installed")
  // Debian wraps RabbitMQ's scripts in its own, which need root.
  const scripts = dirname(realpathSync(server))
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "rabbitmq-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )
  const port = yield* freePort
  const distributionPort = yield* freePort
  const epmdPort = yield* freePort
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
    // The first two files do not exist, so that the configuration of the machine's own RabbitMQ is not used.
    RABBITMQ_CONF_ENV_FILE: join(directory, "environment"),
    RABBITMQ_CONFIG_FILE: join(directory, "rabbitmq"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, "plugins"),
    // Without a surrounding shell, which `kill` would kill instead of the server.
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
    RABBITMQ_CTL_ERL_ARGS: "-start_epmd false"
  }
  yield* Effect.promise(() => writeFile(environment.RABBITMQ_ENABLED_PLUGINS_FILE, `[${plugins.join(",")}].\n`))
  let running: ChildProcess | undefined

  // Erlang's port mapper. Without one the first node would start it in the background and leave it running.
  const portMapper = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(epmd, ["-d", "-address", "127.0.0.1", "-port", String(epmdPort)], { stdio: ["ignore", "ignore", "pipe"] })
    ),
    (child) => Effect.promise(() => end(child))
  )
  yield* Effect.promise(() => waitForOutput(portMapper.stderr, "epmd running"))
  const kill = Effect.promise(async () => {
    const child = running
    running = undefined
    if (child !== undefined) await end(child)
  })
  const start = Effect.promise(async () => {
    const child = spawn(join(scripts, "rabbitmq-server"), { env: environment, stdio: ["ignore", "pipe", "inherit"] })
    running = child
    await waitForOutput(child.stdout, "completed with")
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

/** Prepares a server without starting it. */
export const make = makeWithPlugins([])

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}

/** Waits for the words in the output. Keeps reading afterwards, because the process fails when its pipe is closed. */
const waitForOutput = (output: Readable, words: string): Promise<void> =>
  new Promise((resolve, reject) => {
    output.on("data", (text) => String(text).includes(words) && resolve())
    output.once("end", () => reject(new Error(`The output ended without "${words}"`)))
  })

// A free TCP port of this machine, claimed until the scope closes. It is below the ports that Linux gives to outgoing connections and
// to listeners without a port of their own, so that none of these takes it before the server starts or while it is down. The claim is
// a UDP socket with the same number, so that other tests choose another port, also those of another run on this machine.
const freePort = Effect.acquireRelease(
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
