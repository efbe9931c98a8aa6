import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as Postgres from "@user-service/database/Postgres"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { Clock, Console, Effect, Layer, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { Machine, waitUntil } from "./engines/Machine.ts"
import * as Network from "./engines/Network.ts"
import * as Patroni from "./engines/Patroni.ts"
import * as RabbitMqNodes from "./engines/RabbitMq.ts"
import * as Redis from "./engines/Redis.ts"
import * as Clients from "./load/Clients.ts"
import { acknowledgedWrites, compare, type Journal, makeJournal, type Violations } from "./load/Journal.ts"
import type { Installation, Scenario } from "./Scenario.ts"
import * as Service from "./service/Service.ts"

/** What a run of a scenario measured. Times are in seconds. */
export interface RunOutcome {
  readonly scenario: Scenario
  /** From the fault to the recovery of the engine by its own means. */
  readonly engineSeconds: number
  /** From the fault to the first acknowledgement of a write that was sent after it. */
  readonly writeSeconds: number
  /** The longest time without an acknowledged write, before, during or after the fault. */
  readonly gapSeconds: number
  /** The longest time without a received event. */
  readonly eventGapSeconds: number
  readonly acknowledged: number
  readonly unanswered: number
  readonly sessionsEnded: number
  readonly violations: Violations
}

const environmentOf = (
  scenario: Scenario,
  { postgres, rabbitmq, redis }: Omit<Installation, "service" | "network">
) => ({
  ...(scenario.postgres === "direct" || scenario.postgres === "several"
    ? { DATABASE_URL: scenario.postgres === "direct" ? postgres.directUrl : postgres.severalUrl }
    : {
        DATABASE_URL: postgres.pooledUrl,
        DATABASE_DIRECT_URL: postgres.directUrl,
        DATABASE_PREPARED_STATEMENTS: "off"
      }),
  REDIS_URL: redis.url,
  // A version before decision 0048 takes one node.
  RABBITMQ_URL: scenario.withOldVersion === true ? rabbitmq.oneUrl : rabbitmq.url
})

/** Starts the engines and the service of a scenario. */
const install = Effect.fnUntraced(function* (scenario: Scenario, oldClone: string | undefined) {
  const network = yield* Network.make
  const makeRedis = scenario.redis === "cluster" ? Redis.makeCluster : Redis.makeSentinels
  const engines = yield* Effect.all({
    postgres: Patroni.make(network.addressOf("postgres")),
    rabbitmq: RabbitMqNodes.make(network.addressOf("rabbitmq")),
    redis: makeRedis(network.addressOf("redis"))
  })
  const service = yield* Service.make({
    network,
    engines: environmentOf(scenario, engines),
    oldClone: scenario.withOldVersion === true ? oldClone : undefined
  })
  return { ...engines, network, service } satisfies Installation
})

const layerClients = ({ postgres, rabbitmq }: Installation) =>
  Layer.merge(
    Postgres.layer(settingsOf(postgres.directUrl, 2)),
    Broker.layerRabbitMq({ topology: Clients.topology }).pipe(
      Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmq.url) }))
    )
  )

/** Runs a scenario on engines of its own, and removes them. */
export const runScenario = Effect.fnUntraced(function* (scenario: Scenario, oldClone: string | undefined) {
  const machine = yield* Layer.build(Layer.fresh(Machine.layer))
  yield* Console.error(`${scenario.name}: starts the engines and the service`)
  const installation = yield* Effect.provide(install(scenario, oldClone), machine)
  const clients = yield* Layer.build(Layer.fresh(layerClients(installation)))
  return yield* Effect.provide(observe(scenario, installation), clients)
}, Effect.scoped)

const observe = Effect.fnUntraced(function* (scenario: Scenario, installation: Installation) {
  const journal = makeJournal()
  const people = yield* Clients.makePeople(installation.service)
  yield* Clients.listen(journal)
  const end = yield* Clients.begin(installation.service, people, journal)
  yield* Effect.sleep("5 seconds")

  yield* Console.error(`${scenario.name}: ${scenario.fault}`)
  const { after, recovery } = yield* scenario.cause(installation)
  const faultAt = yield* Clock.currentTimeMillis
  const [engineAt, writeAt] = yield* Effect.all(
    [Effect.andThen(recovery, Clock.currentTimeMillis), firstWriteAfter(journal, faultAt)],
    { concurrency: 2 }
  )
  yield* Console.error(
    `${scenario.name}: the engine after ${(engineAt - faultAt) / 1000} s, the first write after ${(writeAt - faultAt) / 1000} s`
  )
  if (after !== undefined) yield* after
  yield* Effect.sleep("8 seconds")
  yield* end
  yield* settle(journal)
  const seconds = (millis: number) => millis / 1000
  return {
    scenario,
    engineSeconds: seconds(engineAt - faultAt),
    writeSeconds: seconds(writeAt - faultAt),
    gapSeconds: longestGap(acknowledgedWrites(journal).map(({ endedAt }) => endedAt)),
    eventGapSeconds: longestGap(journal.events.map(({ receivedAt }) => receivedAt)),
    acknowledged: acknowledgedWrites(journal).length,
    unanswered: journal.writes.length - acknowledgedWrites(journal).length,
    sessionsEnded: journal.sessions.ended,
    violations: yield* compare(journal)
  } satisfies RunOutcome
})

/** Waits for the acknowledgement of a write that was sent after the fault, and returns its time. */
const firstWriteAfter = Effect.fnUntraced(function* (journal: Journal, faultAt: number) {
  const times = () =>
    acknowledgedWrites(journal)
      .filter(({ startedAt }) => startedAt >= faultAt)
      .map(({ endedAt }) => endedAt)
  yield* waitUntil(
    "A write is acknowledged after the fault",
    180,
    Effect.sync(() => times().length > 0)
  )
  return Math.min(...times())
})

/** Waits until everything that is stored was received, and everything that was confirmed is stored. */
const settle = Effect.fnUntraced(function* (journal: Journal) {
  const sql = yield* SqlClient.SqlClient
  const isSettled = Effect.gen(function* () {
    const [row] = yield* sql<{ events: number; waiting: number; statuses: number }>`
      select (select count(*) from outbox)::int as events,
        (select count(*) from outbox where published_at is null)::int as waiting,
        (select count(*) from deliveries)::int as statuses`
    const received = new Set(journal.events.map(({ id }) => id)).size
    return row?.waiting === 0 && received >= row.events && row.statuses >= journal.statuses.length
  }).pipe(Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 100 }), Effect.orDie)
  // What is missing after this time is a violation.
  yield* Effect.ignore(waitUntil("All is stored and received", 90, isSettled))
})

const longestGap = (times: ReadonlyArray<number>): number => {
  const sorted = times.toSorted((a, b) => a - b)
  const gaps = sorted.slice(1).map((time, index) => time - (sorted[index] ?? time))
  return Math.max(0, ...gaps) / 1000
}
