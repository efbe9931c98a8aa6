// PostgreSQL under Patroni with three nodes and synchronous replication, etcd, HAProxy and PgBouncer (decision 0048).
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { Machine, type Server, waitUntil } from "./Machine.ts"

/** A node of PostgreSQL with its Patroni. */
export interface PostgresNode {
  readonly server: Server
  /** Whether it is the leader, by its own Patroni. False if that does not answer within a second. */
  readonly isLeader: Effect.Effect<boolean>
  /** Whether it is a replica that the leader waits for before it acknowledges a commit. */
  readonly isSynchronous: Effect.Effect<boolean>
  readonly isReplica: Effect.Effect<boolean>
}

// The seconds after which Patroni takes a leader for lost that does not renew its key. Patroni accepts no fewer.
const leaderSeconds = 20

const binaries = "/usr/lib/postgresql/15/bin"

/** Starts the cluster, and waits until it has a leader and a synchronous replica. */
export const make = Effect.fnUntraced(function* (address: string) {
  const machine = yield* Machine
  const etcd = yield* startEtcd(address)
  const nodes = yield* Effect.forEach(["pg1", "pg2", "pg3"], (name) => makeNode(name, address, etcd.port))
  yield* Effect.forEach(nodes, ({ node }) => node.server.start, { discard: true })
  const all: ReadonlyArray<PostgresNode> = nodes.map(({ node }) => node)
  const proxyPort = yield* freePort
  const proxy = machine.server({
    name: "haproxy",
    command: "/usr/sbin/haproxy",
    args: ["-db", "-f", yield* machine.write("haproxy.cfg", haproxyConfiguration(address, proxyPort, nodes))]
  })
  yield* proxy.start
  const poolerPort = yield* freePort
  const pooler = machine.server({
    name: "pgbouncer",
    command: "/usr/sbin/pgbouncer",
    args: [yield* machine.write("pgbouncer.ini", pgbouncerConfiguration(address, poolerPort, proxyPort))],
    asPostgres: true
  })
  yield* pooler.start
  yield* awaitSynchronous(all)
  return {
    etcd: etcd.server,
    nodes: all,
    proxy,
    pooler,
    /** Through HAProxy, which knows the leader. */
    directUrl: `postgres://postgres:secret@${address}:${proxyPort}/postgres`,
    /** Through PgBouncer, which shares sessions by transaction. */
    pooledUrl: `postgres://postgres:secret@${address}:${poolerPort}/postgres`,
    /** All nodes, of which the client finds the leader. */
    severalUrl: `postgres://postgres:secret@${nodes.map(({ port }) => `${address}:${port}`).join(",")}/postgres?target_session_attrs=read-write`
  }
})

export type PostgresCluster = Effect.Success<ReturnType<typeof make>>

/** The node that is the leader. */
export const leaderOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<PostgresNode>) {
  yield* awaitLeader(nodes)
  const leaders = yield* Effect.filter(nodes, ({ isLeader }) => isLeader)
  return leaders[0] ?? (yield* Effect.die("The leader changed meanwhile"))
})

/** Waits until one of the nodes is the leader. */
export const awaitLeader = (nodes: ReadonlyArray<PostgresNode>) =>
  waitUntil("Patroni has a leader", 90, anyOf(nodes, "isLeader"))

/** Waits until one of the nodes is the leader and another a synchronous replica. */
export const awaitSynchronous = (nodes: ReadonlyArray<PostgresNode>) =>
  waitUntil(
    "PostgreSQL has a leader and a synchronous replica",
    120,
    Effect.map(
      Effect.all([anyOf(nodes, "isLeader"), anyOf(nodes, "isSynchronous")]),
      ([leads, follows]) => leads && follows
    )
  )

/** Waits until the node is a replica. */
export const awaitReplica = ({ isReplica, server }: PostgresNode) =>
  waitUntil(`${server.name} is a replica`, 90, isReplica)

const anyOf = (nodes: ReadonlyArray<PostgresNode>, state: "isLeader" | "isSynchronous") =>
  Effect.map(
    Effect.forEach(nodes, (node) => node[state], { concurrency: "unbounded" }),
    (each) => each.includes(true)
  )

const startEtcd = Effect.fnUntraced(function* (address: string) {
  const machine = yield* Machine
  const [port, peerPort] = [yield* freePort, yield* freePort]
  const data = yield* machine.makeFolder("etcd")
  const server = machine.server({
    name: "etcd",
    command: "/usr/bin/etcd",
    args: [
      ["--name", "etcd", "--data-dir", data, "--unsafe-no-fsync"],
      ["--listen-client-urls", `http://${address}:${port}`, "--advertise-client-urls", `http://${address}:${port}`],
      ["--listen-peer-urls", `http://${address}:${peerPort}`],
      ["--initial-advertise-peer-urls", `http://${address}:${peerPort}`],
      ["--initial-cluster", `etcd=http://${address}:${peerPort}`]
    ].flat(),
    asPostgres: true
  })
  yield* server.start
  yield* waitUntil("etcd is healthy", 30, answersOk(`http://${address}:${port}/health`))
  return { server, port }
})

const makeNode = Effect.fnUntraced(function* (name: string, address: string, etcdPort: number) {
  const machine = yield* Machine
  const [port, restPort] = [yield* freePort, yield* freePort]
  const data = `${machine.folder}/${name}-data`
  const file = yield* machine.write(
    `${name}.yml`,
    patroniConfiguration({ name, address, port, restPort, etcdPort, data, folder: machine.folder })
  )
  const server = machine.server({
    name,
    command: "/usr/bin/patroni",
    args: [file],
    asPostgres: true,
    // PostgreSQL outlives a killed Patroni.
    markers: [data]
  })
  const rest = `http://${address}:${restPort}`
  const node: PostgresNode = {
    server,
    isLeader: answersOk(`${rest}/primary`),
    isSynchronous: answersOk(`${rest}/synchronous`),
    isReplica: answersOk(`${rest}/replica`)
  }
  return { node, port, restPort, name }
})

/** Whether a GET is answered by 200 within a second. */
const answersOk = (url: string): Effect.Effect<boolean> =>
  Effect.tryPromise((signal) => fetch(url, { signal }).then(async (answer) => (await answer.text(), answer.ok))).pipe(
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed(false) }),
    Effect.orElseSucceed(() => false)
  )

// The timeouts that Patroni 3.0 accepts: loop_wait + 2 * retry_timeout <= ttl, and ttl at least 20. Without fsync, data survives a
// kill of all processes but not of the machine, and these runs kill processes.
const patroniConfiguration = (node: {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly restPort: number
  readonly etcdPort: number
  readonly data: string
  readonly folder: string
}) => `
scope: failover
name: ${node.name}
restapi:
  listen: ${node.address}:${node.restPort}
  connect_address: ${node.address}:${node.restPort}
etcd3:
  host: ${node.address}:${node.etcdPort}
bootstrap:
  dcs:
    ttl: ${leaderSeconds}
    loop_wait: 1
    retry_timeout: 3
    synchronous_mode: true
    maximum_lag_on_failover: 16777216
    postgresql:
      use_pg_rewind: true
      parameters:
        fsync: "off"
        max_connections: 150
        wal_keep_size: 512MB
        wal_log_hints: "on"
        shared_buffers: 64MB
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - auth: trust
    - no-sync
    - no-instructions
postgresql:
  listen: ${node.address}:${node.port}
  connect_address: ${node.address}:${node.port}
  data_dir: ${node.data}
  bin_dir: ${binaries}
  pgpass: ${node.folder}/${node.name}.pgpass
  authentication:
    superuser: {username: postgres, password: secret}
    replication: {username: replicator, password: secret}
    rewind: {username: rewinder, password: secret}
  parameters:
    unix_socket_directories: ${node.folder}
  pg_hba:
    - local all all trust
    - host all all 0.0.0.0/0 trust
    - host replication all 0.0.0.0/0 trust
`

const haproxyConfiguration = (
  address: string,
  port: number,
  nodes: ReadonlyArray<{ readonly name: string; readonly port: number; readonly restPort: number }>
) => `
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 1s
    timeout client 1h
    timeout server 1h
    timeout check 1s
listen primary
    bind ${address}:${port}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 500ms fastinter 250ms downinter 250ms fall 2 rise 1 on-marked-down shutdown-sessions
${nodes.map(({ name, port, restPort }) => `    server ${name} ${address}:${port} check port ${restPort}`).join("\n")}
`

// PgBouncer waits server_login_retry before it tries a server again that it could not log in to. The default is 15 seconds.
const pgbouncerConfiguration = (address: string, port: number, serverPort: number) => `
[databases]
* = host=${address} port=${serverPort} user=postgres
[pgbouncer]
listen_addr = ${address}
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 40
max_client_conn = 500
server_login_retry = 0.25
server_connect_timeout = 2
server_check_delay = 1
query_wait_timeout = 5
`
