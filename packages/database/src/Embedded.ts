import type { SqlClient } from "effect/sql"

/**
 * Whether the database lives in this process: then no other works on it (see DataDir), and a transaction keeps everyone
 * else in the process from it.
 */
export const isEmbedded = (sql: SqlClient.SqlClient): boolean => sql.driver === "pglite"
