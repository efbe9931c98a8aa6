import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

const sqlOf = (url: string) =>
  Effect.map(Layer.build(Postgres.layer(settingsOf(url, 2))), (context) => Context.get(context, SqlClient.SqlClient))

describe.skipIf(databaseUrl === "")("roles set on PostgreSQL", patient, () => {
  it.live("gives and takes roles, with an audit entry, but leaves an administrator", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl), NODE_ENV: "production" }
      yield* cli(["migrate"], { cwd, env })
      const set = (email: string, role: string) => cli(["roles", "set", "--email", email, "--role", role], { cwd, env })
      for (const email of ["ada@example.com", "grace@example.com"]) {
        yield* cli(["create-superuser", "--email", email], { cwd, env, input: "correct horse battery staple" })
      }
      assert.deepStrictEqual(yield* set("Grace@Example.com", "viewer"), {
        code: 0,
        stdout: "The role of grace@example.com is viewer; it was admin\n",
        stderr: ""
      })
      assert.deepStrictEqual(yield* set("ada@example.com", "none"), {
        code: 1,
        stdout: "",
        stderr: failure("This is the last administrator").stderr
      })
      assert.strictEqual((yield* set("grace@example.com", "none")).code, 0)
      assert.strictEqual((yield* set("nobody@example.com", "viewer")).stderr, failure("User not found").stderr)
      const sql = yield* sqlOf(env.DATABASE_URL)
      assert.deepStrictEqual(yield* sql`select email, role, is_staff from users order by email`, [
        { email: "ada@example.com", role: "admin", is_staff: true },
        { email: "grace@example.com", role: null, is_staff: false }
      ])
      assert.deepStrictEqual(
        yield* sql`select details from audit_log where action = 'user.role_changed' order by created_at`,
        [
          { details: { before: { role: "admin" }, after: { role: "viewer" } } },
          { details: { before: { role: "viewer" }, after: { role: null } } }
        ]
      )
    })
  )
})
