import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { suite } from "./DeadLettersSuite.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("on PostgreSQL", () => {
  suite("dead letters", TestDatabase.layerPostgres(databaseUrl))
})
