// Redis with a master, two replicas and three sentinels, or a Redis Cluster of six nodes (decision 0048).
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { Machine, run, type Server, waitUntil } from "./Machine.ts"

export interface RedisNode {
  readonly server: Server
  readonly port: number
  /** Runs a command by `redis-cli`. Empty if the node does not answer within a second. */
  readonly call: (...command: ReadonlyArray<string>) => Effect.Effect<string>
}

const master = "failover"

/** Starts a master with two replicas, and three sentinels of which two decide. */
export const makeSentinels = Effect.fnUntraced(function* (address: string) {
  const nodes = yield* Effect.forEach(["redis1", "redis2", "redis3"], (name) => makeNode(name, address, []))
  const [first] = nodes
  if (first === undefined) return yield* Effect.die("There are three nodes")
  yield* Effect.forEach(nodes, ({ call }) => answers(call), { discard: true })
  yield* Effect.forEach(nodes.slice(1), ({ call }) => call("replicaof", address, String(first.port)), { discard: true })
  const sentinels = yield* Effect.forEach(["sentinel1", "sentinel2", "sentinel3"], (name) =>
    makeSentinel(name, address, first.port)
  )
  yield* Effect.forEach(sentinels, ({ call }) => answers(call), { discard: true })
  yield* waitUntil(
    "The sentinels know each other and the replicas",
    60,
    Effect.map(
      Effect.forEach(sentinels, ({ call }) => call("sentinel", "master", master)),
      (each) => each.every((text) => /num-slaves\n2\n/.test(text) && /num-other-sentinels\n2\n/.test(text))
    )
  )
  return {
    nodes,
    sentinels,
    url: `redis+sentinel://${sentinels.map(({ port }) => `${address}:${port}`).join(",")}/${master}`
  }
})

/** Starts three masters with a replica each. */
export const makeCluster = Effect.fnUntraced(function* (address: string) {
  const names = ["shard1", "shard2", "shard3", "shard4", "shard5", "shard6"]
  const nodes = yield* Effect.forEach(names, (name) =>
    Effect.flatMap(freePort, (bus) =>
      makeNode(name, address, [
        "cluster-enabled yes",
        `cluster-port ${bus}`,
        `cluster-announce-ip ${address}`,
        "cluster-node-timeout 2000"
      ])
    )
  )
  yield* Effect.forEach(nodes, ({ call }) => answers(call), { discard: true })
  yield* run("redis-cli", [
    "--cluster",
    "create",
    ...nodes.map(({ port }) => `${address}:${port}`),
    "--cluster-replicas",
    "1",
    "--cluster-yes"
  ])
  yield* waitUntil(
    "All nodes of the Redis Cluster agree",
    60,
    Effect.map(
      Effect.forEach(nodes, ({ call }) => call("cluster", "info")),
      (each) => each.every((text) => text.includes("cluster_state:ok") && text.includes("cluster_known_nodes:6"))
    )
  )
  return { nodes, sentinels: [], url: `redis://${nodes.map(({ port }) => `${address}:${port}`).join(",")}` }
})

export type RedisNodes = Effect.Success<ReturnType<typeof makeSentinels>>

/** The first node that is a master. */
export const masterOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<RedisNode>) {
  const roles = yield* Effect.forEach(nodes, ({ call }) => call("role"))
  const found = nodes.find((_, index) => roles[index]?.startsWith("master"))
  return found ?? (yield* Effect.die("No Redis is a master"))
})

/** The number of nodes that are masters. */
export const countMasters = (nodes: ReadonlyArray<RedisNode>) =>
  Effect.map(
    Effect.forEach(nodes, ({ call }) => call("role"), { concurrency: "unbounded" }),
    (roles) => roles.filter((role) => role.startsWith("master")).length
  )

/** Waits until as many of the nodes are masters. */
export const awaitMasters = (nodes: ReadonlyArray<RedisNode>, count: number) =>
  waitUntil(
    `${count} nodes of Redis are masters`,
    60,
    Effect.map(countMasters(nodes), (found) => found === count)
  )

/** Waits until the node is a replica. */
export const awaitReplica = ({ call, server }: RedisNode) =>
  waitUntil(
    `${server.name} is a replica`,
    60,
    Effect.map(call("role"), (role) => role.startsWith("slave"))
  )

const answers = (call: RedisNode["call"]) =>
  waitUntil(
    "Redis answers",
    30,
    Effect.map(call("ping"), (answer) => answer.trim() === "PONG")
  )

const makeNode = Effect.fnUntraced(function* (name: string, address: string, settings: ReadonlyArray<string>) {
  const machine = yield* Machine
  const folder = yield* machine.makeFolder(`${name}.d`)
  const port = yield* freePort
  // Redis rewrites its file when it becomes a replica, so that a restarted node still is one.
  const file = yield* machine.write(
    `${name}.conf`,
    [
      `bind ${address}`,
      `port ${port}`,
      `dir ${folder}`,
      'save ""',
      // Redis shows this in place of its command line.
      'proc-title-template "{title} {config-file} {server-mode}"',
      "protected-mode no",
      "repl-diskless-sync-delay 0",
      // Outgoing connections have another address, which the others would take for the node's.
      `replica-announce-ip ${address}`,
      ...settings
    ].join("\n")
  )
  return yield* startNode({ name, args: [file], address, port })
})

const makeSentinel = Effect.fnUntraced(function* (name: string, address: string, masterPort: number) {
  const machine = yield* Machine
  const folder = yield* machine.makeFolder(`${name}.d`)
  const port = yield* freePort
  const file = yield* machine.write(
    `${name}.conf`,
    [
      `bind ${address}`,
      `port ${port}`,
      `dir ${folder}`,
      "protected-mode no",
      'proc-title-template "{title} {config-file} {server-mode}"',
      `sentinel announce-ip ${address}`,
      `sentinel monitor ${master} ${address} ${masterPort} 2`,
      `sentinel down-after-milliseconds ${master} 2000`,
      `sentinel failover-timeout ${master} 10000`,
      ""
    ].join("\n")
  )
  return yield* startNode({ name, args: [file, "--sentinel"], address, port })
})

const startNode = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly address: string
  readonly port: number
}) {
  const machine = yield* Machine
  const { address, args, name, port } = options
  const server = machine.server({
    name,
    command: "redis-server",
    args,
    asPostgres: true
  })
  yield* server.start
  return {
    server,
    port,
    call: (...command) =>
      run("timeout", ["1", "redis-cli", "-h", address, "-p", String(port), ...command]).pipe(
        Effect.sandbox,
        Effect.orElseSucceed(() => "")
      )
  } satisfies RedisNode
})
