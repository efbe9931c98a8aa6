import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { join } from "node:path"
import process from "node:process"
import { Machine, type Server, waitUntil } from "../engines/Machine.ts"
import type { Network } from "../engines/Network.ts"
import { type Send, sender } from "./Http.ts"

/** An instance of the API or of the worker. */
export interface Instance {
  readonly server: Server
  readonly send: Send
  /** Whether its readiness probe answers 200. */
  readonly isReady: Effect.Effect<boolean>
}

export interface Service {
  readonly apis: ReadonlyArray<Instance>
  readonly workers: ReadonlyArray<Instance>
}

// The clone whose bundles run, unless one of an earlier commit is named.
const ownClone = join(import.meta.dirname, "../../../..")

/**
 * Starts two APIs and two workers on the engines, the first API in the namespace of the network. `oldClone` replaces the bundles of the
 * second API and the second worker.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly network: Network
  readonly engines: Readonly<Record<string, string>>
  readonly oldClone: string | undefined
}) {
  const machine = yield* Machine
  const keys = yield* machine.makeFolder("keys")
  const environment = {
    ...options.engines,
    ...limitsOff,
    JWT_KEYS_FILE: join(keys, "jwt-keys.json"),
    SECRET_KEY: "a secret of the failover runs, as long as one must be",
    BCRYPT_COST: "10",
    LOG_FORMAT: "json"
  }
  const { localAddress, namespace, remoteAddress } = options.network
  const instance = (name: string, app: "api" | "worker", clone: string) =>
    makeInstance({ name, app, clone, environment, address: localAddress })
  const old = options.oldClone ?? ownClone
  const first = yield* makeInstance({
    name: "api1",
    app: "api",
    clone: ownClone,
    environment,
    address: remoteAddress,
    namespace
  })
  // The first one migrates.
  yield* start(first)
  const service: Service = {
    apis: [first, yield* instance("api2", "api", old)],
    workers: [yield* instance("worker1", "worker", ownClone), yield* instance("worker2", "worker", old)]
  }
  yield* Effect.forEach([...service.apis.slice(1), ...service.workers], start, { discard: true })
  return service
})

/** Starts the instance and waits until it is ready. */
export const start = ({ isReady, server }: Instance) =>
  Effect.andThen(server.start, waitUntil(`${server.name} is ready`, 60, isReady))

/** Stops the instance as a deployment does, and starts it again. */
export const restart = (instance: Instance) => Effect.andThen(instance.server.stop, start(instance))

const limitsOff = Object.fromEntries(
  ["REGISTER", "LOGIN_ACCOUNT", "LOGIN_IP", "REFRESH", "WRITE"].map((name) => [`RATE_LIMIT_${name}`, "off"])
)

const makeInstance = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly app: "api" | "worker"
  readonly clone: string
  readonly environment: Readonly<Record<string, string>>
  readonly address: string
  readonly namespace?: string
}) {
  const machine = yield* Machine
  const { address, app, clone, environment, name } = options
  const port = String(yield* freePort)
  const data = yield* machine.makeFolder(name)
  const server = machine.server({
    name,
    command: process.execPath,
    namespace: options.namespace,
    args: [join(clone, "apps", app, "bundle/main.js")],
    environment: { ...environment, HOST: address, PORT: port, WORKER_PORT: port, DATA_DIR: data }
  })
  const send = sender(`http://${address}:${port}`)
  const isReady = send({ method: "GET", path: "/health/ready" }).pipe(
    Effect.map(({ status }) => status === 200),
    Effect.orElseSucceed(() => false)
  )
  return { server, send, isReady } satisfies Instance
})
