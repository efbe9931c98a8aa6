import { SqlClient } from "effect/sql"

/** A statement that the server refuses with this SQLSTATE (PostgreSQL, appendix A), under a constraint of this name. */
export const raise = (sqlState: string, constraint = "") =>
  SqlClient.SqlClient.use((sql) =>
    sql.unsafe(`do $$ begin raise exception using errcode = '${sqlState}', constraint = '${constraint}'; end $$`)
  )
