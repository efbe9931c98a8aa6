import { assert, describe, it } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { normaliseTimeZone } from "@user-service/domain/Profile"
import { Effect } from "effect"
import { databaseUrl } from "./engine.ts"
import { oneProcess } from "./processes.ts"

describe.skipIf(databaseUrl === "")("the time zones of PostgreSQL", () => {
  // Systems differ in which of the old names they install, so only those that are there are compared.
  it.live("have names that a profile accepts in any letter case and stores in the same spelling", () =>
    Effect.gen(function* () {
      const { sql } = yield* oneProcess(yield* TestDatabase.freshDatabase(databaseUrl))
      const zones = yield* sql<{ name: string }>`
        select name from pg_timezone_names where name !~ '^(posix|right)/' and name not in ('posixrules', 'localtime')`
      assert.isAbove(zones.length, 300)
      for (const { name } of zones.filter(({ name }) => name !== "Factory")) {
        assert.strictEqual(normaliseTimeZone(name.toLowerCase()), name)
      }
    })
  )
})
