import { assert, describe, it } from "@effect/vitest"
import { NotMigrated } from "@user-service/database/MigrateOnStart"
import { Effect } from "effect"
import * as Engines from "./Engines.ts"
import * as Program from "./Program.ts"

const secret = "s3cret-that-nobody-may-see"

describe.skipIf(!Engines.areThere)("a program that PostgreSQL refuses", () => {
  for (const app of ["standalone", "api"] as const) {
    it.live(
      `says why in PostgreSQL's words, without the password it came with: ${app}`,
      () =>
        Effect.gen(function* () {
          const engines = yield* Engines.all
          const refuses = Effect.fnUntraced(function* (change: (url: URL) => void, message: RegExp) {
            const url = new URL(engines.DATABASE_URL)
            change(url)
            const ended = yield* Program.run({ ...engines, DATABASE_URL: url.href }, app)
            assert.deepStrictEqual({ code: ended.code, stdout: ended.stdout }, { code: 1, stdout: "" })
            assert.match(ended.stderr, message)
            assert.notInclude(ended.stderr, secret)
          })
          yield* refuses((url) => {
            url.pathname = "/no_such_database"
          }, /^PostgreSQL cannot be used as DATABASE_URL says: database "no_such_database" does not exist; create it: createdb .*\n$/)
          yield* refuses(
            (url) => {
              url.username = "no_such_role"
              url.password = secret
            },
            // As the server is set up.
            /^PostgreSQL cannot be used as DATABASE_URL says: (role "no_such_role" does not exist|password authentication failed for user "no_such_role")\n$/
          )
        }),
      120_000
    )
  }
})

describe.skipIf(!Engines.areThere)("with MIGRATE_ON_START=off", () => {
  for (const app of ["standalone", "api"] as const) {
    it.live(
      `a start refuses a database that is not migrated, and leaves it as it is: ${app}`,
      () =>
        Effect.gen(function* () {
          const engines = { ...(yield* Engines.all), MIGRATE_ON_START: "off" }
          for (const attempt of [1, 2]) {
            const { code, stderr, stdout } = yield* Program.run(engines, app)
            assert.deepStrictEqual(
              { code, stderr, stdout },
              { code: 1, stderr: `${new NotMigrated().message}\n`, stdout: "" },
              `start ${attempt}`
            )
          }
        }),
      300_000
    )
  }
})
