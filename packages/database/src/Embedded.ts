import type { SqlClient } from "effect/sql"

/**
 * Whether the database is embedded in this process. Then no other process uses it (see DataDir), and a transaction blocks all
 * other statements of this process.
 */
export const isEmbedded = (sql: SqlClient.SqlClient): boolean => sql.driver === "pglite"
