import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { deadStatusQueue, statusQueue, userMail } from "@user-service/broker/Topology"
import { Cache } from "@user-service/cache/Cache"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as Postgres from "@user-service/database/Postgres"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import * as Verdict from "@user-service/core/testing/Verdict"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import type { UserId } from "@user-service/domain/User"
import { Array, Effect, Fiber, Layer, Random, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { listenForMails, mailQueue, mailRows, type ReceivedMail } from "../mails/ReceivedMails.ts"
import { listen, type ReceivedEvent, topology, userOf } from "../outbox/ReceivedEvents.ts"
import * as Program from "../Program.ts"
import { layerChanges, newUser, rename } from "../TestWork.ts"
import * as AccountActions from "./AccountActions.ts"
import * as AccountVerdict from "./AccountVerdict.ts"
import * as Population from "./Population.ts"
import { publishAll, retryForAMinute, until } from "./Retries.ts"

export interface KillRunSettings {
  readonly statuses: number
  readonly changes: number
  /** How many messages of ten megabytes are among the statuses. */
  readonly largeOnes: number
  readonly workers: number
  /** How often a worker is killed and replaced. */
  readonly kills: number
  /** The kills at which RabbitMQ is killed and restarted. */
  readonly rabbitmqAt: ReadonlyArray<number>
  /** The kills at which PostgreSQL is restarted. */
  readonly postgresAt: ReadonlyArray<number>
  readonly log: (line: string) => Effect.Effect<void>
}

/** Whether all programs that a run starts are installed. */
export const canRun = RabbitMqServer.isInstalled && PostgresServer.skipReason === ""

const userCount = 100

const numberOf = (statement: Effect.Effect<ReadonlyArray<{ readonly count: number }>, unknown>) =>
  Effect.map(statement, ([row]) => row?.count ?? 0)

/** The number of stored deliveries and published events. */
const progress = SqlClient.SqlClient.use((sql) =>
  numberOf(sql<{ count: number }>`
    select ((select count(*) from deliveries) + (select count(*) from outbox where published_at is not null))::int as count`)
)

/**
 * Makes the named changes of each user, those of one user one after the other. Each attempt has its own name, since a failed
 * attempt may have been committed.
 */
const changeAll = Effect.fnUntraced(function* (users: ReadonlyArray<UserId>, names: ReadonlyArray<string>) {
  const changed: Array<readonly [user: string, name: string]> = []
  const change = Effect.fnUntraced(function* (user: UserId, name: string) {
    let attempt = 0
    yield* retryForAMinute(Effect.suspend(() => rename(user, `${name}.${++attempt}`)))
    changed.push([user, `${name}.${attempt}`])
  })
  yield* Effect.forEach(users, (user) => Effect.forEach(names, (name) => change(user, name), { discard: true }), {
    concurrency: 4,
    discard: true
  })
  return changed
})

/** The queues of the test: one for all events, and one for the mails of a reset. */
const testTopology = {
  exchanges: [...topology.exchanges, userMail],
  queues: [
    ...topology.queues,
    {
      name: mailQueue,
      bindings: ["password_reset", "security_notice"].map((pattern) => ({ exchange: userMail.name, pattern })),
      deliveryLimit: 20
    }
  ]
}

/** Starts the engines of the run, and provides the services of the test on them. */
const startEngines = Effect.gen(function* () {
  const postgres = yield* PostgresServer.make()
  const redis = yield* RedisServer.make()
  const rabbitmq = yield* RabbitMqServer.make
  yield* Effect.all([postgres.start, redis.start, rabbitmq.start], { concurrency: 3 })
  const environment = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, RABBITMQ_URL: rabbitmq.url }
  const layer = Layer.mergeAll(
    layerChanges,
    AccountActions.layer,
    Broker.layerRabbitMq({ topology: testTopology }).pipe(
      Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmq.url) }))
    )
  ).pipe(Layer.provideMerge([Postgres.layer(settingsOf(postgres.url, 6)), Cache.layerMemory]))
  return { postgres, rabbitmq, environment, layer }
})

/**
 * Lets workers process the population while they and their engines are killed, and users reset passwords, unsubscribe and erase
 * their accounts. Then compares what was acknowledged, and the received events and mails, with the stored rows.
 */
export const run = Effect.fnUntraced(function* (settings: KillRunSettings) {
  const { log } = settings
  const { environment, layer, postgres, rabbitmq } = yield* startEngines
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
    const received = yield* listen()
    const mails = yield* listenForMails
    const users = yield* Effect.replicateEffect(newUser, userCount)
    const population = yield* Population.make(users, settings.statuses, settings.largeOnes)
    const parts = Array.split(population.messages, settings.kills)
    const names = Array.split(Array.makeBy(settings.changes / userCount, String), settings.kills)
    const accounts = yield* Effect.replicateEffect(AccountActions.make, settings.kills)
    const changed: Array<Verdict.AcknowledgedChanges[number]> = []
    const acted: Array<AccountActions.Acknowledged> = []
    yield* log(`${population.messages.length} statuses and ${settings.changes} changes for ${workers.length} workers`)

    for (const [kill, ofKill] of accounts.entries()) {
      const messages = parts[kill] ?? []
      const before = yield* retryForAMinute(progress)
      const working = yield* Effect.forkChild(
        Effect.all([publishAll(messages), changeAll(users, names[kill] ?? []), AccountActions.act(ofKill, mails)], {
          concurrency: 3
        })
      )
      const more = yield* Random.nextIntBetween(1, messages.length / 5)
      yield* until(
        `${more} more are done`,
        Effect.map(progress, (count) => count >= before + more)
      )
      yield* Effect.all([replace, outages(kill)], { concurrency: 2 })
      const [, renamed, acknowledged] = yield* Fiber.join(working)
      changed.push(...renamed)
      acted.push(acknowledged)
      yield* log(`Worker ${kill + 1} of ${settings.kills} was killed ${more} in`)
    }
    const acknowledged = {
      resets: acted.flatMap(({ resets }) => resets),
      unsubscribed: acted.flatMap(({ unsubscribed }) => unsubscribed),
      erased: acted.flatMap(({ erased }) => erased)
    }
    const erased = new Set<string>(acknowledged.erased.map(({ userId }) => userId))
    // An erasure deletes the rows of the user's other events.
    const kept = () => received.filter((event) => event.routingKey === "user.deleted" || !erased.has(userOf(event)))
    // The verdict reports what is not done after this time.
    const waitingIn = Effect.map(rabbitmq.control("list_queues", "name", "messages"), countMessages)
    const isDone = Effect.all([
      until("All erasures are finished", noUnfinishedErasure),
      until("All events are received", allReceived(kept)),
      until("All mails are received", allMailsReceived(mails)),
      until(
        "The queues are empty",
        Effect.map(waitingIn, (left) => left === 0)
      )
    ])
    yield* Effect.timeoutOption(isDone, "3 minutes")
    const verdict = { ...(yield* Verdict.of(population, kept(), changed)), left: yield* waitingIn }
    const differences = yield* AccountVerdict.of(acknowledged, { events: received, mails })
    yield* Effect.forEach(workers, (worker) => worker.signal("SIGTERM"), { discard: true })
    const codes = yield* Effect.forEach(workers, (worker) => Effect.map(worker.ended, ({ code }) => code))
    return { verdict, differences, codes, dead: yield* deadByReason, received: received.length }
  }).pipe(Effect.provide(layer))
})

/** Whether no event waits and all published events were received. */
const allReceived = (received: () => ReadonlyArray<ReceivedEvent>) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql<{ count: number; waiting: number }>`
        select count(*)::int as count, (count(*) filter (where published_at is null))::int as waiting from outbox`,
      ([row]) => row?.waiting === 0 && new Set(received().map(({ id }) => id)).size >= row.count
    )
  )

const noUnfinishedErasure = SqlClient.SqlClient.use((sql) =>
  Effect.map(sql`select 1 from erasures where finished_at is null`, (rows) => rows.length === 0)
)

const allMailsReceived = (mails: ReadonlyArray<ReceivedMail>) =>
  Effect.map(mailRows, (rows) => {
    const received = new Set(mails.map(({ id }) => id))
    return rows.every(({ finished, id }) => finished && received.has(id))
  })

/** The number of messages in the queues of the service, from the output of `rabbitmqctl`. */
const countMessages = (printed: string): number =>
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
