import * as DataDir from "@user-service/database/DataDir"
import * as PgLite from "@user-service/database/PgLite"
import * as Postgres from "@user-service/database/Postgres"
import * as Environment from "@user-service/domain/Environment"
import { wordsOf } from "@user-service/telemetry/Failure"
import { Console, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { oneLine } from "./Failure.ts"
import * as Settings from "./Settings.ts"

/** The database does not answer, or not to us. */
export class DatabaseUnusable extends Schema.TaggedError<DatabaseUnusable>()("DatabaseUnusable", {
  name: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.name} cannot be used: ${this.problem}`
  }
}

const answering = (engine: Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>, name: string) =>
  Layer.effectDiscard(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select 1`)).pipe(
    Layer.provideMerge(engine),
    Layer.catchTag("SqlError", (error) =>
      Layer.effect(SqlClient.SqlClient, Effect.fail(new DatabaseUnusable({ name, problem: oneLine(wordsOf(error)) })))
    )
  )

const embedded = (dataDir: string) => {
  const folder = `${dataDir}/pglite`
  return answering(PgLite.layer({ dataDir: folder }), `The embedded database in ${folder}`).pipe(
    Layer.provide(Layer.effectDiscard(Console.log(`No database is named: this is the embedded one in ${folder}`))),
    Layer.provide(Layer.effectDiscard(DataDir.hold(dataDir)))
  )
}

/**
 * The database that the environment names. Where it names none, outside production, the embedded one that `npm start`
 * uses, held for this process. Fails where it does not answer.
 */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { dataDir, database, environment } = yield* Environment.read({
      environment: Settings.environment,
      dataDir: Settings.dataDir,
      database: Postgres.config
    })
    if (Option.isSome(database)) {
      return answering(Postgres.layer(database.value), "PostgreSQL, where DATABASE_URL (or DB_HOST) says it is,")
    }
    return environment === "production"
      ? yield* new Environment.SettingsInvalid({ problems: ["DATABASE_URL (or DB_HOST): required in production"] })
      : embedded(dataDir)
  })
)
