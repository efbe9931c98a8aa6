import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { createSocket } from "node:dgram"
import { type EventEmitter, once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A Redis process for one test, which can kill, freeze and restart it. Ends with the scope. */
export interface RedisServer {
  readonly url: string
  readonly start: Effect.Effect<void>
  /** Sends SIGKILL. Only data written by `SAVE` survives. */
  readonly kill: Effect.Effect<void>
  /** Sends SIGSTOP: the kernel accepts connections, the server answers nothing. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

/** Paths of a certificate, its key and the certificate of its authority. */
export interface TlsFiles {
  readonly key: string
  readonly certificate: string
  readonly authority: string
}

interface Options {
  readonly password?: string
  /** Whether it is a node of a Redis Cluster. Its slots are not assigned yet. */
  readonly isCluster?: boolean
  /** The address that it listens on and announces to other nodes. 127.0.0.1 when absent. */
  readonly address?: "127.0.0.1" | "::1"
  /** The host name that it announces to clients instead of the address. */
  readonly hostname?: string | undefined
  /** If set, it accepts only TLS. */
  readonly tls?: TlsFiles | undefined
}

/** Prepares a server without starting it. */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const port = yield* freePort
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "redis-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const { address = "127.0.0.1", hostname, isCluster = false, password, tls } = options
  const ports = (
    tls === undefined ? ["--port", String(port)] : ["--port", "0", "--tls-port", String(port)].concat(tlsOf(tls))
  ).concat("--bind", address)
  // The default port of the cluster bus is the port plus 10,000, which may be above 65535.
  const bus = isCluster ? String(yield* freePort) : ""
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
    // Logged once it listens and has loaded its data.
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

/** The settings for TLS, as arguments. */
export const tlsOf = ({ authority, certificate, key }: TlsFiles): Array<string> =>
  [
    ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority],
    ["--tls-auth-clients", "no", "--tls-cluster", "yes"]
  ].flat()

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
