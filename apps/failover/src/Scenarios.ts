import { statusQueue } from "@user-service/broker/Topology"
import { Effect } from "effect"
import type { Server } from "./engines/Machine.ts"
import type { Engine } from "./engines/Network.ts"
import * as Patroni from "./engines/Patroni.ts"
import * as RabbitMqNodes from "./engines/RabbitMq.ts"
import * as Redis from "./engines/Redis.ts"
import type { Installation, Scenario } from "./Scenario.ts"
import * as Service from "./service/Service.ts"

const others = <A>(all: ReadonlyArray<A>, one: A): ReadonlyArray<A> => all.filter((other) => other !== one)

const freezeSeconds = 40

const killPostgresLeader = Effect.fnUntraced(function* ({ postgres: { nodes } }: Installation) {
  const leader = yield* Patroni.leaderOf(nodes)
  yield* leader.server.kill
  return { recovery: Patroni.awaitLeader(others(nodes, leader)) }
})

const freezePostgresLeader = Effect.fnUntraced(function* ({ postgres: { nodes } }: Installation) {
  const leader = yield* Patroni.leaderOf(nodes)
  yield* leader.server.freeze
  return {
    recovery: Patroni.awaitLeader(others(nodes, leader)),
    after: Effect.andThen(thaw(leader.server), Patroni.awaitReplica(leader))
  }
})

const ofRabbitMqLeader = (
  act: (server: Server) => Effect.Effect<void>,
  undo: (server: Server) => Effect.Effect<void>
) =>
  Effect.fnUntraced(function* ({ rabbitmq: { nodes } }: Installation) {
    const leader = yield* RabbitMqNodes.leaderOf(nodes, statusQueue.name)
    yield* act(leader.server)
    return {
      recovery: RabbitMqNodes.awaitLeader(others(nodes, leader), statusQueue.name),
      after: Effect.andThen(undo(leader.server), RabbitMqNodes.awaitCluster(nodes))
    }
  })

const ofRedisMaster = (act: (server: Server) => Effect.Effect<void>, undo: (server: Server) => Effect.Effect<void>) =>
  Effect.fnUntraced(function* ({ redis: { nodes } }: Installation) {
    const master = yield* Redis.masterOf(nodes)
    const before = yield* Redis.countMasters(nodes)
    yield* act(master.server)
    return {
      recovery: Redis.awaitMasters(others(nodes, master), before),
      after: Effect.andThen(undo(master.server), Redis.awaitReplica(master))
    }
  })

/** Ends the first instance's connection to the engine for 15 seconds. */
const partition = (engine: Engine) => ({
  name: `partition-from-${engine}`,
  fault: `the first API partitioned from ${engine} for 15 seconds`,
  cause: ({ network }: Installation) =>
    Effect.as(network.partition(engine), {
      recovery: Effect.void,
      after: Effect.andThen(Effect.sleep("15 seconds"), network.heal(engine))
    })
})

const thaw = (server: Server) => Effect.andThen(Effect.sleep(`${freezeSeconds} seconds`), server.thaw)
const kill = (server: Server) => server.kill
const freeze = (server: Server) => server.freeze
const start = (server: Server) => server.start

/** Kills the leader of each engine, one after the other. */
const killOneOfEach = Effect.fnUntraced(function* (installation: Installation) {
  const { recovery } = yield* killPostgresLeader(installation)
  const killNext = (cause: ReturnType<typeof ofRedisMaster>) =>
    Effect.flatMap(cause(installation), (next) => Effect.andThen(next.recovery, next.after))
  return {
    recovery,
    after: Effect.andThen(killNext(ofRabbitMqLeader(kill, start)), killNext(ofRedisMaster(kill, start)))
  }
})

const rollingRestart = Effect.fnUntraced(function* (installation: Installation) {
  const { postgres, rabbitmq, redis, service } = installation
  const leader = yield* Patroni.leaderOf(postgres.nodes)
  for (const instance of [...service.apis, ...service.workers]) yield* Service.restart(instance)
  for (const { server } of others(postgres.nodes, leader)) {
    yield* restart(server)
    yield* Patroni.awaitSynchronous(postgres.nodes)
  }
  yield* restart(leader.server)
  yield* Patroni.awaitSynchronous(postgres.nodes)
  for (const server of [postgres.pooler, postgres.proxy, postgres.etcd]) yield* restart(server)
  for (const { server } of rabbitmq.nodes) {
    yield* restart(server)
    yield* RabbitMqNodes.awaitCluster(rabbitmq.nodes)
  }
  for (const node of redis.nodes) {
    yield* restart(node.server)
    yield* Redis.awaitMasters(redis.nodes, 1)
    yield* Effect.sleep("3 seconds")
  }
  for (const { server } of redis.sentinels) yield* restart(server)
})

const restart = (server: Server) => Effect.andThen(server.stop, server.start)

/** All scenarios, in the order in which they run. */
export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "one-of-each",
    fault: "kill -9 of the leaders of PostgreSQL, RabbitMQ and Redis, one after the other",
    expectation: "as in the scenarios of the three: the short run",
    within: 1.5,
    cause: killOneOfEach
  },
  {
    name: "postgres-leader-killed",
    fault: "kill -9 of PostgreSQL's leader with its Patroni",
    expectation: "writes fail until Patroni has promoted the synchronous replica, then succeed",
    within: 1.5,
    cause: killPostgresLeader
  },
  {
    name: "postgres-leader-killed-without-pooler",
    fault: "kill -9 of PostgreSQL's leader with its Patroni, HAProxy alone between",
    expectation: "as with PgBouncer between",
    postgres: "direct",
    within: 1.5,
    cause: killPostgresLeader
  },
  {
    name: "postgres-leader-killed-several-hosts",
    fault: "kill -9 of PostgreSQL's leader with its Patroni, all nodes named in DATABASE_URL",
    expectation: "the service finds the new leader by itself",
    postgres: "several",
    within: 1.5,
    cause: killPostgresLeader
  },
  {
    name: "postgres-leader-frozen",
    fault: `PostgreSQL's leader with its Patroni frozen for ${freezeSeconds} s`,
    expectation: "writes fail until Patroni has a new leader, and nothing of the old one is believed when it resumes",
    within: 1.5,
    cause: freezePostgresLeader
  },
  {
    name: "postgres-leader-frozen-several-hosts",
    fault: `PostgreSQL's leader frozen for ${freezeSeconds} s, all nodes named in DATABASE_URL`,
    expectation: "as through the proxies",
    postgres: "several",
    within: 1.5,
    cause: freezePostgresLeader
  },
  {
    name: "rabbitmq-leader-killed",
    fault: "kill -9 of the RabbitMQ node that leads the queue of statuses",
    expectation: "writes go on, events and statuses continue on the other nodes",
    cause: ofRabbitMqLeader(kill, start)
  },
  {
    name: "rabbitmq-leader-frozen",
    fault: `the RabbitMQ node that leads the queue of statuses frozen for ${freezeSeconds} s`,
    expectation: "writes go on, events and statuses continue on the other nodes",
    cause: ofRabbitMqLeader(freeze, thaw)
  },
  {
    name: "rabbitmq-one-then-two-down",
    fault: "kill -9 of one RabbitMQ node, then of a second one for 15 s",
    expectation: "with two nodes all goes on; with one, writes go on and events wait in the outbox",
    cause: Effect.fnUntraced(function* ({ rabbitmq: { nodes } }) {
      const [first, second] = nodes
      if (first === undefined || second === undefined) return yield* Effect.die("There are three nodes")
      yield* first.server.kill
      return {
        recovery: Effect.sleep("10 seconds"),
        after: second.server.kill.pipe(
          Effect.andThen(Effect.sleep("15 seconds")),
          Effect.andThen(Effect.all([first.server.start, second.server.start])),
          Effect.andThen(RabbitMqNodes.awaitCluster(nodes))
        )
      }
    })
  },
  {
    name: "redis-master-killed",
    fault: "kill -9 of the Redis master under sentinels",
    expectation: "writes go on, and no ended session is accepted",
    cause: ofRedisMaster(kill, start)
  },
  {
    name: "redis-master-frozen",
    fault: `the Redis master under sentinels frozen for ${freezeSeconds} s`,
    expectation: "writes go on, and nothing of the old master is believed when it resumes",
    cause: ofRedisMaster(freeze, thaw)
  },
  {
    name: "redis-cluster-master-killed",
    fault: "kill -9 of a master of the Redis Cluster",
    expectation: "writes go on, and no ended session is accepted",
    redis: "cluster",
    cause: ofRedisMaster(kill, start)
  },
  {
    name: "redis-cluster-master-frozen",
    fault: `a master of the Redis Cluster frozen for ${freezeSeconds} s`,
    expectation: "writes go on, and nothing of the old master is believed when it resumes",
    redis: "cluster",
    cause: ofRedisMaster(freeze, thaw)
  },
  { ...partition("postgres"), expectation: "the first API is not ready, the second one goes on" },
  { ...partition("redis"), expectation: "both APIs go on, and no ended session is accepted" },
  { ...partition("rabbitmq"), expectation: "both APIs go on: only the workers use RabbitMQ" },
  {
    name: "rolling-restart",
    fault: "every instance and every node restarted, one after the other",
    expectation: "writes pause only while PostgreSQL's leader moves",
    cause: (installation) => Effect.succeed({ recovery: Effect.void, after: rollingRestart(installation) })
  },
  {
    name: "two-versions",
    fault: "an earlier and this version side by side, each worker killed once",
    expectation: "both write and publish in order",
    // A version before decision 0048 knows no sentinels.
    redis: "cluster",
    withOldVersion: true,
    cause: Effect.fnUntraced(function* ({ service: { workers } }) {
      for (const worker of workers) {
        yield* worker.server.kill
        yield* Effect.sleep("3 seconds")
        yield* Service.start(worker)
      }
      return { recovery: Effect.void, after: Effect.sleep("10 seconds") }
    })
  }
]
