import { describe } from "@effect/vitest"
import { suite } from "@user-service/database/testing/EmailCanonicalsSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { databaseUrl } from "./engine.ts"

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  suite("the canonical addresses on PostgreSQL", TestDatabase.layerPostgres(databaseUrl))
})
