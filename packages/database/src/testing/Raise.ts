import { SqlClient } from "effect/sql"

/** A statement that fails with this SQLSTATE (PostgreSQL, appendix A) and constraint name. */
export const raise = (sqlState: string, constraint = "") =>
  SqlClient.SqlClient.use((sql) =>
    sql.unsafe(`do $$ begin raise exception using errcode = '${sqlState}', constraint = '${constraint}'; end $$`)
  )
