import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { suite } from "./PasswordResetLoopSuite.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("with PostgreSQL", () => {
  suite("requests for password resets", TestDatabase.layerPostgres(databaseUrl), 3)
})
