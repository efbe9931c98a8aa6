import { Broker } from "@user-service/broker/Broker"
import type { OutgoingMessage } from "@user-service/broker/Message"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { deadStatusQueue, statusQueue } from "@user-service/broker/Topology"
import { Cache } from "@user-service/cache/Cache"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as Postgres from "@user-service/database/Postgres"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import type { UserId } from "@user-service/domain/User"
import { Array, Effect, Fiber, Layer, Random, Redacted, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { listen, type Told, topology } from "../outbox/Told.ts"
import * as Program from "../Program.ts"
import { layerChanges, newUser, rename } from "../TestWork.ts"
import * as Population from "./Population.ts"
import * as Verdict from "./Verdict.ts"

export interface KillRunSettings {
  readonly statuses: number
  readonly changes: number
  /** How many messages of ten megabytes are among the statuses. */
  readonly largeOnes: number
  readonly workers: number
  /** How often one of them is killed and another takes its place. */
  readonly kills: number
  /** At which of the kills RabbitMQ is killed and comes back, and at which PostgreSQL is restarted. */
  readonly rabbitmqAt: ReadonlyArray<number>
  readonly postgresAt: ReadonlyArray<number>
  /** Is told what happens. */
  readonly log: (line: string) => Effect.Effect<void>
}

/** Whether this machine has all that a run starts. */
export const canRun = RabbitMqServer.isInstalled && PostgresServer.skipReason === ""

const userCount = 100

/** Until it works, a minute at most: engines go away in between. */
const stubborn = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeoutOrElse({ duration: "1 minute", orElse: () => Effect.die("It did not work in a minute") })
  )

/** Asks until it is so, three minutes at most. */
const until = <E, R>(what: string, condition: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(stubborn(condition), { until: (so) => so, schedule: Schedule.spaced("50 millis") }).pipe(
    Effect.timeoutOrElse({ duration: "3 minutes", orElse: () => Effect.die(`${what}: not in three minutes`) })
  )

const numberOf = (statement: Effect.Effect<ReadonlyArray<{ readonly count: number }>, unknown>) =>
  Effect.map(statement, ([row]) => row?.count ?? 0)

/** How much is done so far, of statuses and events. */
const progress = SqlClient.SqlClient.use((sql) =>
  numberOf(sql<{ count: number }>`
    select ((select count(*) from deliveries) + (select count(*) from outbox where published_at is not null))::int as count`)
)

/** Publishes all of them, each until it is confirmed. */
const publishAll = Effect.fnUntraced(function* (messages: ReadonlyArray<OutgoingMessage>) {
  const broker = yield* Broker
  for (const batch of Array.chunksOf(messages, 50)) {
    let left: ReadonlyArray<OutgoingMessage> = batch
    yield* stubborn(
      Effect.gen(function* () {
        const outcomes = yield* broker.publishAll(left)
        left = left.filter((_, index) => outcomes[index] !== "confirmed")
        return left.length === 0 ? undefined : yield* Effect.fail("not confirmed")
      })
    )
  }
})

/** Changes each of the users so often, one after the other; one that failed may have been made, and has a name of its own. */
const changeAll = Effect.fnUntraced(function* (users: ReadonlyArray<UserId>, names: ReadonlyArray<string>) {
  const changed: Array<readonly [user: string, name: string]> = []
  const change = Effect.fnUntraced(function* (user: UserId, name: string) {
    let attempt = 0
    yield* stubborn(Effect.suspend(() => rename(user, `${name}.${++attempt}`)))
    changed.push([user, `${name}.${attempt}`])
  })
  yield* Effect.forEach(users, (user) => Effect.forEach(names, (name) => change(user, name), { discard: true }), {
    concurrency: 4,
    discard: true
  })
  return changed
})

/** Engines of the run's own, and what it has on them itself. */
const world = Effect.gen(function* () {
  const postgres = yield* PostgresServer.make()
  const redis = yield* RedisServer.make()
  const rabbitmq = yield* RabbitMqServer.make
  yield* Effect.all([postgres.start, redis.start, rabbitmq.start], { concurrency: 3 })
  const environment = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, RABBITMQ_URL: rabbitmq.url }
  const layer = layerChanges.pipe(
    Layer.merge(
      Broker.layerRabbitMq({ topology }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmq.url) })))
    ),
    Layer.provideMerge([Postgres.layer(settingsOf(postgres.url, 6)), Cache.layerMemory])
  )
  return { postgres, rabbitmq, environment, layer }
})

/**
 * Lets workers do all of it while they and their engines are killed, and judges what came of it: what was acknowledged,
 * and told, against what is stored.
 */
export const run = Effect.fnUntraced(function* (settings: KillRunSettings) {
  const { log } = settings
  const { environment, layer, postgres, rabbitmq } = yield* world
  const startWorker = Effect.tap(Program.start(environment), ({ ready }) => ready)
  const workers = yield* Effect.replicateEffect(startWorker, settings.workers)

  const replace = Effect.gen(function* () {
    const index = yield* Random.nextIntBetween(0, workers.length - 1)
    const victim = workers[index]
    if (victim === undefined) return yield* Effect.die("There is no such worker")
    yield* victim.signal("SIGKILL")
    yield* victim.ended
    workers[index] = yield* startWorker
  })
  const outages = Effect.fnUntraced(function* (kill: number) {
    if (settings.rabbitmqAt.includes(kill)) {
      yield* rabbitmq.kill
      yield* log("RabbitMQ is killed")
      yield* rabbitmq.start
    }
    if (settings.postgresAt.includes(kill)) {
      yield* postgres.stop
      yield* log("PostgreSQL is stopped")
      yield* postgres.start
    }
  })

  return yield* Effect.gen(function* () {
    const told = yield* listen()
    const users = yield* Effect.replicateEffect(newUser, userCount)
    const population = yield* Population.make(users, settings.statuses, settings.largeOnes)
    const parts = Array.split(population.messages, settings.kills)
    const names = Array.split(Array.makeBy(settings.changes / userCount, String), settings.kills)
    const changed: Array<Verdict.Changed[number]> = []
    yield* log(`${population.messages.length} statuses and ${settings.changes} changes for ${workers.length} workers`)

    for (const [kill, messages] of parts.entries()) {
      const before = yield* stubborn(progress)
      const working = yield* Effect.forkChild(
        Effect.all([publishAll(messages), changeAll(users, names[kill] ?? [])], { concurrency: 2 })
      )
      const more = yield* Random.nextIntBetween(1, messages.length / 5)
      yield* until(
        `${more} more are done`,
        Effect.map(progress, (count) => count >= before + more)
      )
      yield* Effect.all([replace, outages(kill)], { concurrency: 2 })
      changed.push(...(yield* Fiber.join(working))[1])
      yield* log(`Worker ${kill + 1} of ${settings.kills} was killed ${more} in`)
    }
    // If it is not done by then, it never will be, and the verdict says so.
    const waitingIn = Effect.map(rabbitmq.control("list_queues", "name", "messages"), leftIn)
    const isDone = Effect.andThen(
      until("All events are told", allTold(told)),
      until(
        "The queues are empty",
        Effect.map(waitingIn, (left) => left === 0)
      )
    )
    yield* Effect.timeoutOption(isDone, "3 minutes")
    const verdict = { ...(yield* Verdict.of(population, told, changed)), left: yield* waitingIn }
    yield* Effect.forEach(workers, (worker) => worker.signal("SIGTERM"), { discard: true })
    const codes = yield* Effect.forEach(workers, (worker) => Effect.map(worker.ended, ({ code }) => code))
    return { verdict, codes, dead: yield* deadByReason, told: told.length }
  }).pipe(Effect.provide(layer))
})

/** Whether nothing waits, and everything that was published came. */
const allTold = (told: ReadonlyArray<Told>) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql<{ count: number; waiting: number }>`
        select count(*)::int as count, (count(*) filter (where published_at is null))::int as waiting from outbox`,
      ([row]) => row?.waiting === 0 && new Set(told.map(({ id }) => id)).size >= row.count
    )
  )

/** How many messages are in our queues, from what `rabbitmqctl` prints of them. */
const leftIn = (printed: string): number =>
  printed
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([name]) => name === statusQueue.name || name === deadStatusQueue.name)
    .reduce((sum, [, messages]) => sum + Number(messages), 0)

const deadByReason = SqlClient.SqlClient.use((sql) =>
  Effect.map(
    sql<{ reason: string; count: number }>`select reason, count(*)::int as count from dead_letters group by reason`,
    (rows) => Object.fromEntries(rows.map(({ count, reason }) => [reason, count]))
  )
)
