import type { PgClient } from "@effect/sql-pg"
import { Context, Effect, Option } from "effect"
import { SqlClient } from "effect/sql"

/**
 * PostgreSQL past any pooler, for what needs one session for itself or longer than a request may take: migrations, LISTEN
 * and the locks of leaders. Its statements have no deadline. The embedded database has none, since it is one session.
 */
export class DirectSql extends Context.Service<DirectSql, PgClient.PgClient>()("@user-service/database/DirectSql") {}

/** {@link DirectSql}, or the client that everyone else has where there is none. */
export const direct: Effect.Effect<SqlClient.SqlClient, never, SqlClient.SqlClient> = Effect.flatMap(
  Effect.serviceOption(DirectSql),
  (client) => (Option.isSome(client) ? Effect.succeed(client.value) : SqlClient.SqlClient)
)
