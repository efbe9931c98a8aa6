import { Cache } from "@user-service/cache/Cache"
import { Changes } from "@user-service/core/changes/Changes"
import { Storage } from "@user-service/database/Storage"
import { type DomainEvent, UserUpdated } from "@user-service/domain/DomainEvent"
import { UserId } from "@user-service/domain/User"
import * as WorkerSettings from "@user-service/worker/WorkerSettings"
import { Duration, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"

/** The settings of an environment that sets none. */
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

/** {@link Changes} as the API has it, over the engines. */
export const layerChanges = Changes.layer.pipe(Layer.provide([Storage.layer, layerSettings]))

/** The engines that need nothing but a database. */
export const layerEngines = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  Layer.merge(database, Cache.layerMemory)

/** Somebody whose row is all there is of them. */
export const newUser = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const id = UserId.make(randomUUID())
  yield* sql`
    insert into users (id, email, username, password_hash, created_at, updated_at)
    values (${id}, ${`${id}@example.org`}, ${id}, '', now(), now())`
  return id
})

/** A change of the user that is told by these. */
export const tell = (user: UserId, ...events: ReadonlyArray<DomainEvent>) =>
  Changes.use(({ change }) => change(user, Effect.succeed({ result: undefined, events, audit: [] })))

/** A change of the user's first name, by which its event is known. */
export const rename = (user: UserId, firstName: string) =>
  tell(user, new UserUpdated({ userId: user, updatedFields: { firstName } }))

/** How many events wait. */
export const waiting = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{
      count: number
    }>`select count(*)::int as count from outbox where published_at is null and set_aside_at is null`,
    ([row]) => row?.count ?? 0
  )
)

/** Asks until it is so, for half a minute at most. */
export const waitUntil = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(condition, { until: (so) => so, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () => Effect.die("It did not come to be in half a minute")
    })
  )
