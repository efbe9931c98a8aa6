import type { PgClient } from "@effect/sql-pg"
import { Context, Effect, Option } from "effect"
import { SqlClient } from "effect/sql"

/**
 * A client with direct connections to PostgreSQL, not through a pooler. For work that needs its own session or more time than a
 * request: migrations, LISTEN and leader locks. Its statements have no deadline. Absent for the embedded database, which has
 * a single session.
 */
export class DirectSql extends Context.Service<DirectSql, PgClient.PgClient>()("@user-service/database/DirectSql") {}

/** {@link DirectSql}, or the regular client if it is absent. */
export const direct: Effect.Effect<SqlClient.SqlClient, never, SqlClient.SqlClient> = Effect.flatMap(
  Effect.serviceOption(DirectSql),
  (client) => (Option.isSome(client) ? Effect.succeed(client.value) : SqlClient.SqlClient)
)
