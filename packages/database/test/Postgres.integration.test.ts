import { describe } from "@effect/vitest"
import { suite } from "@user-service/database/testing/SqlClientSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { databaseUrl } from "./engine.ts"

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  suite("Postgres.layer", TestDatabase.layerPostgres(databaseUrl), 10)
})
