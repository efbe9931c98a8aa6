import { assert, describe, it } from "@effect/vitest"
import { config } from "@user-service/database/PostgresSettings"
import * as Environment from "@user-service/runtime/Environment"
import { ConfigProvider, Effect, Option, Redacted, Result } from "effect"

describe("the settings of PostgreSQL", () => {
  const read = (env: Readonly<Record<string, string>>) =>
    Effect.result(
      Effect.provideService(
        Environment.read({ database: config }),
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env })
      )
    )

  it.effect("accept every kind of host in DB_HOST, and name DB_HOST when they refuse a value", () =>
    Effect.gen(function* () {
      const hosts = [
        ["::1", "::1"],
        ["[::1]", "::1"],
        ["127.0.0.1", "127.0.0.1"],
        ["db.internal", "db.internal"],
        ["/var/run/postgresql", "/var/run/postgresql"]
      ]
      for (const [DB_HOST = "", host = ""] of hosts) {
        const { database } = Result.getOrThrow(yield* read({ DB_HOST, DB_PASSWORD: "50%off" }))
        const { applicationName, connectTimeout, options, password, ...address } = Option.getOrThrow(database).address
        assert.deepStrictEqual([applicationName, connectTimeout, options], [undefined, undefined, undefined])
        assert.strictEqual(password === undefined ? undefined : Redacted.value(password), "50%off")
        assert.deepInclude(address, { host, port: 5432, user: "postgres", database: "user_service" })
      }
      for (const DB_HOST of ["db:5432", "a b", "h1,h2", "postgres://h/db", "127.0.0.1:5432", "[::1]:5432"]) {
        const problems = Result.getOrThrow(Result.flip(yield* read({ DB_HOST }))).problems
        assert.lengthOf(problems, 1)
        assert.match(problems[0] ?? "", /^DB_HOST: must /)
      }
    })
  )

  it.effect("name the variable of a refused URL, and show no part of the URL", () =>
    Effect.gen(function* () {
      const DATABASE_URL = "postgres://u:50%off@h/db"
      const found = yield* read({ DATABASE_URL, DATABASE_DIRECT_URL: "postgres://u@h1,,h2/db" })
      assert.deepStrictEqual(Result.getOrThrow(Result.flip(found)).problems, [
        "DATABASE_URL: must have its password percent-encoded as UTF-8: write % itself as %25",
        "DATABASE_DIRECT_URL: its host must not be empty"
      ])
    })
  )

  it.effect("accept on and off for DATABASE_PREPARED_STATEMENTS", () =>
    Effect.gen(function* () {
      for (const [DATABASE_PREPARED_STATEMENTS, expected] of [
        ["on", true],
        ["off", false]
      ] as const) {
        const { database } = Result.getOrThrow(yield* read({ DB_HOST: "h", DATABASE_PREPARED_STATEMENTS }))
        assert.strictEqual(Option.getOrThrow(database).preparedStatements, expected)
      }
    })
  )
})
