import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { suite } from "./UserSearchSuite.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("with PostgreSQL", () => {
  suite("on PostgreSQL", TestDatabase.layerPostgres(databaseUrl))
})
