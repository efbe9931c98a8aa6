// Three RabbitMQ nodes in one cluster, with quorum queues and pause_minority (decision 0048).
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { realpathSync } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import { Machine, run, type Server, waitUntil } from "./Machine.ts"

export interface RabbitMqNode {
  readonly server: Server
  readonly port: number
  /** Runs `rabbitmqctl` for this node. Dies if it fails. */
  readonly control: (...command: ReadonlyArray<string>) => Effect.Effect<string>
}

// Debian wraps RabbitMQ's scripts in its own, which use the machine's own node.
const scripts = () => dirname(realpathSync("/usr/lib/rabbitmq/bin/rabbitmq-server"))

/** Starts the nodes one after the other, each joining the first. */
export const make = Effect.fnUntraced(function* (address: string) {
  const machine = yield* Machine
  const home = yield* machine.makeFolder("rabbitmq-home")
  const epmdPort = yield* freePort
  const mapper = machine.server({
    name: "epmd",
    command: "epmd",
    args: ["-address", "127.0.0.1", "-port", String(epmdPort)]
  })
  yield* mapper.start
  const ports = yield* Effect.replicateEffect(freePort, 3)
  const names = ports.map((port) => `failover-${port}@localhost`)
  const nodes = yield* Effect.forEach(ports, (port, index) =>
    makeNode({
      name: `rabbit${index + 1}`,
      node: names[index] ?? "",
      first: names[0] ?? "",
      address,
      port,
      epmdPort,
      home
    })
  )
  for (const { server } of nodes) {
    yield* server.start
    yield* waitUntil(`${server.name} runs`, 180, server.hasPrinted("completed with"))
  }
  yield* awaitCluster(nodes)
  const url = (hosts: ReadonlyArray<number>) =>
    `amqp://guest:guest@${hosts.map((port) => `${address}:${port}`).join(",")}/`
  return { nodes, url: url(ports), oneUrl: url(ports.slice(0, 1)) }
})

export type RabbitMqCluster = Effect.Success<ReturnType<typeof make>>

/** Waits until every node runs, and every node sees all of them. */
export const awaitCluster = (nodes: ReadonlyArray<RabbitMqNode>) =>
  waitUntil(
    "The nodes of RabbitMQ form a cluster",
    120,
    Effect.map(
      Effect.forEach(nodes, ({ control }) => orEmpty(control("eval", "length(rabbit_nodes:all_running())."))),
      (counts) => counts.every((count) => count.trim() === String(nodes.length))
    )
  )

/** The node that leads the queue. */
export const leaderOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<RabbitMqNode>, queue: string) {
  const [first] = nodes
  const printed = first === undefined ? "" : yield* orEmpty(first.control("list_queues", "name", "leader"))
  const line = printed.split("\n").map((row) => row.split("\t"))
  const [, leader = ""] = line.find(([name]) => name === queue) ?? []
  const found = nodes.find(({ port }) => leader.includes(`-${port}@`))
  return found ?? (yield* Effect.die(`No node leads ${queue}: ${printed}`))
})

/** Waits until one of the nodes leads the queue. */
export const awaitLeader = (nodes: ReadonlyArray<RabbitMqNode>, queue: string) =>
  waitUntil(`A node leads ${queue}`, 90, succeeds(leaderOf(nodes, queue)))

const succeeds = (effect: Effect.Effect<unknown>) =>
  Effect.match(Effect.sandbox(effect), { onFailure: () => false, onSuccess: () => true })

const orEmpty = (effect: Effect.Effect<string>) => Effect.orElseSucceed(Effect.sandbox(effect), () => "")

const makeNode = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly node: string
  readonly first: string
  readonly address: string
  readonly port: number
  readonly epmdPort: number
  readonly home: string
}) {
  const machine = yield* Machine
  const { address, epmdPort, first, home, name, node, port } = options
  const folder = yield* machine.makeFolder(name)
  const configuration = yield* machine.write(
    `${name}.conf`,
    [
      "loopback_users = none",
      "cluster_partition_handling = pause_minority",
      "cluster_formation.peer_discovery_backend = classic_config",
      `cluster_formation.classic_config.nodes.1 = ${first}`,
      "cluster_formation.randomized_startup_delay_range.min = 0",
      "cluster_formation.randomized_startup_delay_range.max = 0",
      ""
    ].join("\n")
  )
  const environment = {
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(epmdPort),
    HOME: home,
    RABBITMQ_NODENAME: node,
    RABBITMQ_NODE_IP_ADDRESS: address,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(yield* freePort),
    RABBITMQ_MNESIA_BASE: `${folder}/mnesia`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_PID_FILE: `${folder}/pid`,
    RABBITMQ_CONFIG_FILE: configuration,
    // These files do not exist, so that the configuration of the machine's own RabbitMQ is not used.
    RABBITMQ_CONF_ENV_FILE: `${folder}/environment`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/plugins`,
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1} -kernel net_ticktime 10",
    RABBITMQ_CTL_ERL_ARGS: "-start_epmd false"
  }
  const server = machine.server({ name, command: `${scripts()}/rabbitmq-server`, args: [], environment })
  return {
    server,
    port,
    control: (...command) =>
      run("timeout", ["60", `${scripts()}/rabbitmqctl`, "-q", ...command], {
        PATH: process.env["PATH"],
        ...environment
      })
  } satisfies RabbitMqNode
})
