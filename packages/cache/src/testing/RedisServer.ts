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

/** Files of a certificate, its key and the authority that signed it. */
export interface TlsFiles {
  readonly key: string
  readonly certificate: string
  readonly authority: string
}

interface Options {
  readonly password?: string
  /** A Redis Cluster, of this one node once it is given the slots. */
  readonly isCluster?: boolean
  /** Where it listens, and what other nodes call it: 127.0.0.1 when absent. */
  readonly address?: "127.0.0.1" | "::1"
  /** The name by which clients are to call it, instead of the address. */
  readonly hostname?: string | undefined
  /** Speaks TLS alone. */
  readonly tls?: TlsFiles | undefined
}

/** Not started yet. */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const port = yield* Effect.promise(freePort)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "redis-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const { address = "127.0.0.1", hostname, isCluster = false, password, tls } = options
  const ports = (
    tls === undefined ? ["--port", String(port)] : ["--port", "0", "--tls-port", String(port)].concat(tlsOf(tls))
  ).concat("--bind", address)
  // By itself the bus of the cluster would be 10,000 above the port, where there need not be one.
  const bus = isCluster ? String(yield* Effect.promise(freePort)) : ""
  const settings = [
    ports,
    ["--dir", directory, "--save", ""],
    password === undefined ? [] : ["--requirepass", password, "--masterauth", password],
    isCluster ? ["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-announce-ip", address] : [],
    hostname === undefined
      ? []
      : ["--cluster-announce-hostname", hostname, "--cluster-preferred-endpoint-type", "hostname"]
  ].flat()
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
    url: `${tls === undefined ? "redis" : "rediss"}://${password === undefined ? "" : `:${password}@`}${hostname ?? (address === "::1" ? "[::1]" : address)}:${port}`,
    start,
    kill,
    freeze: signal("SIGSTOP"),
    thaw: signal("SIGCONT")
  } satisfies RedisServer
})

const tlsOf = ({ authority, certificate, key }: TlsFiles): Array<string> =>
  [
    ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority],
    ["--tls-auth-clients", "no", "--tls-cluster", "yes"]
  ].flat()

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new TypeError("No port")
  return address.port
}
