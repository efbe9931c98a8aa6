import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import * as PostgresSettings from "@user-service/database/PostgresSettings"
import * as Environment from "@user-service/runtime/Environment"
import { messageOf } from "@user-service/runtime/Failure"
import { Effect, Layer, Option } from "effect"
import type { SqlClient } from "effect/sql"
import { EmbeddedDatabaseUnusable } from "./EmbeddedDatabaseUnusable.ts"
import { oneLine } from "./Failure.ts"
import * as Settings from "./Settings.ts"

// Loaded only when it is used: the bundles for production do not hold PGlite.
const embeddedDatabase = (dataDir: string) =>
  Effect.tryPromise({
    try: () => import("./EmbeddedDatabase.ts"),
    catch: (cause) => new EmbeddedDatabaseUnusable({ folder: dataDir, problem: oneLine(messageOf(cause)) })
  }).pipe(
    Effect.map(({ layer }) => layer(dataDir)),
    Layer.unwrap
  )

const postgres = (settings: PostgresSettings.PostgresSettings) =>
  Layer.provideMerge(Layer.effectDiscard(requirePostgres), Postgres.layer(settings))

type Engine = ReturnType<typeof embeddedDatabase> | ReturnType<typeof postgres>

/**
 * The configured database, or without one, except in production, the embedded database of `npm start`, locked for this
 * process. Fails if the database does not answer.
 */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { dataDir, database, environment } = yield* Environment.read({
      environment: Settings.environment,
      dataDir: Settings.dataDir,
      database: PostgresSettings.config
    })
    if (Option.isNone(database) && environment === "production") {
      return yield* new Environment.SettingsInvalid({ problems: ["DATABASE_URL (or DB_HOST): required in production"] })
    }
    const engine: Layer.Layer<SqlClient.SqlClient, Layer.Error<Engine>, Layer.Services<Engine>> = Option.match(
      database,
      {
        onNone: () => embeddedDatabase(dataDir),
        onSome: postgres
      }
    )
    return engine
  })
)
