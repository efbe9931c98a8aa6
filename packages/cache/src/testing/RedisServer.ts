import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A Redis of the test's own, to be killed, frozen and brought back. Ends with the scope. */
export interface RedisServer {
  readonly url: string
  readonly start: Effect.Effect<void>
  /** At once, as a machine goes. What `SAVE` wrote is there after the next start, the rest is gone. */
  readonly kill: Effect.Effect<void>
  /** Takes connections and commands, answers none. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

interface Options {
  readonly password?: string
  /** A Redis Cluster, of this one node once it is given the slots. */
  readonly isCluster?: boolean
}

/** Not started yet. */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const port = yield* Effect.promise(freePort)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "redis-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const password = options.password === undefined ? [] : ["--requirepass", options.password]
  const cluster = options.isCluster === true ? ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"] : []
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory]
  const settings = [...place, "--save", "", ...password, ...cluster]
  let running: ChildProcess | undefined

  const kill = Effect.promise(async () => {
    const child = running
    running = undefined
    if (child === undefined || child.exitCode !== null) return
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
  })
  const start = Effect.promise(async () => {
    const child = spawn("redis-server", settings, { stdio: ["ignore", "pipe", "inherit"] })
    running = child
    // Said once it listens and has read what was saved.
    for await (const line of child.stdout) if (String(line).includes("Ready to accept connections")) break
  })
  const signal = (name: NodeJS.Signals) => Effect.sync(() => void running?.kill(name))

  yield* Effect.addFinalizer(() => kill)
  return {
    url: `redis://${options.password === undefined ? "" : `:${options.password}@`}127.0.0.1:${port}`,
    start,
    kill,
    freeze: signal("SIGSTOP"),
    thaw: signal("SIGCONT")
  } satisfies RedisServer
})

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new TypeError("No port")
  return address.port
}
