import * as DataDir from "@user-service/database/DataDir"
import * as PgLite from "@user-service/database/PgLite"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import * as PostgresSettings from "@user-service/database/PostgresSettings"
import * as Environment from "@user-service/runtime/Environment"
import { messageOf } from "@user-service/runtime/Failure"
import { Console, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { oneLine } from "./Failure.ts"
import * as Settings from "./Settings.ts"

/** The embedded database cannot be opened. */
export class EmbeddedDatabaseUnusable extends Schema.TaggedError<EmbeddedDatabaseUnusable>()(
  "EmbeddedDatabaseUnusable",
  {
    folder: Schema.String,
    problem: Schema.String
  }
) {
  override get message() {
    return `The embedded database in ${this.folder} cannot be used: ${this.problem}`
  }
}

const embeddedDatabase = (dataDir: string) => {
  const folder = `${dataDir}/pglite`
  return Layer.effectDiscard(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select 1`)).pipe(
    Layer.provideMerge(PgLite.layer({ dataDir: folder })),
    Layer.catchTag("SqlError", (error) =>
      Layer.effect(
        SqlClient.SqlClient,
        Effect.fail(new EmbeddedDatabaseUnusable({ folder, problem: oneLine(messageOf(error)) }))
      )
    ),
    Layer.provide(Layer.effectDiscard(Console.log(`No database is named: this is the embedded one in ${folder}`))),
    Layer.provide(Layer.effectDiscard(DataDir.lock(dataDir)))
  )
}

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
