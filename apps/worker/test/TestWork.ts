import { Cache } from "@user-service/cache/Cache"
import { Changes } from "@user-service/core/changes/Changes"
import { Storage } from "@user-service/database/Storage"
import { type DomainEvent, UserUpdated } from "@user-service/domain/DomainEvent"
import { UserId } from "@user-service/domain/User"
import * as WorkerSettings from "@user-service/worker/WorkerSettings"
import { Duration, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"

/** The settings of an empty environment. */
export const layerSettings = WorkerSettings.layer({
  sessions: {
    accessLifetime: Duration.minutes(60),
    refreshLifetime: Duration.days(7),
    maxLifetime: Duration.days(90),
    refreshGrace: Duration.seconds(10),
    maxSessions: 50
  },
  pushTokens: { maxTokens: 20 },
  stalePushTokens: { silencedAfter: Duration.days(30), removedAfter: Duration.days(270) },
  retentions: { outbox: Duration.days(7), deliveries: Duration.days(90), deadLetters: Duration.days(90) },
  finishWithin: Duration.seconds(15),
  turns: 2
})

/** {@link Changes}, by which the API writes, over the engines. */
export const layerChanges = Changes.layer.pipe(Layer.provide([Storage.layer, layerSettings]))

/** The engines besides the broker, over the given database. */
export const layerEngines = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  Layer.merge(database, Cache.layerMemory)

/** Inserts a user without sessions or tokens. */
export const newUser = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const id = UserId.make(randomUUID())
  yield* sql`
    insert into users (id, email, username, password_hash, created_at, updated_at)
    values (${id}, ${`${id}@example.org`}, ${id}, '', now(), now())`
  return id
})

/** Makes a change of the user that emits these events. */
export const emit = (user: UserId, ...events: ReadonlyArray<DomainEvent>) =>
  Changes.use(({ change }) => change(user, Effect.succeed({ result: undefined, events, audit: [] })))

/** Changes the first name of the user, by which tests recognize the event. */
export const rename = (user: UserId, firstName: string) =>
  emit(user, new UserUpdated({ userId: user, updatedFields: { firstName } }))

/** The number of events that wait in the outbox. */
export const waitingEvents = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{
      count: number
    }>`select count(*)::int as count from outbox where published_at is null and set_aside_at is null`,
    ([row]) => row?.count ?? 0
  )
)

/** Repeats the condition until it holds, for at most half a minute. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () => Effect.die("The condition did not hold within half a minute")
    })
  )
