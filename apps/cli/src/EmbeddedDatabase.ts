import * as DataDir from "@user-service/database/DataDir"
import * as PgLite from "@user-service/database/PgLite"
import { messageOf } from "@user-service/runtime/Failure"
import { Console, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { EmbeddedDatabaseUnusable } from "./EmbeddedDatabaseUnusable.ts"
import { oneLine } from "./Failure.ts"

/** The embedded database of `npm start` in the folder, locked for this process. */
export const layer = (dataDir: string) => {
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
