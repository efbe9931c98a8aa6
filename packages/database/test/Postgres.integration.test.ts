import { describe } from "@effect/vitest"
import { suite } from "@user-service/database/testing/SqlClientSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { databaseUrl } from "./engine.ts"

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  // Of its ten connections, those that are for transactions.
  suite("Postgres.layer", TestDatabase.layerPostgres(databaseUrl), 8)
})
