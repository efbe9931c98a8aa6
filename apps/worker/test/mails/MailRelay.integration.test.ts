import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { suite } from "./MailRelaySuite.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("with PostgreSQL", () => {
  suite("the relay of mails", TestDatabase.layerPostgres(databaseUrl), 3)
})
