import { inject } from "vitest"

/** Where the tests' PostgreSQL is; empty where there is none. */
export const databaseUrl = inject("databaseUrl")
