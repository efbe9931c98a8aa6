import { assert, describe, it } from "@effect/vitest"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

const applied = Object.keys(Migrations.migrations)
  .map((name) => `Applied ${name}\n`)
  .join("")
const nothing = "Nothing to apply: the database has the newest schema\n"

const sqlOf = (url: string) =>
  Effect.map(Layer.build(Postgres.layer(settingsOf(url, 2))), (context) => Context.get(context, SqlClient.SqlClient))

describe.skipIf(databaseUrl === "")("migrate on PostgreSQL", patient, () => {
  it.live("two concurrent calls on an empty database migrate it once", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl), NODE_ENV: "production" }
      const both = yield* Effect.all([cli(["migrate"], { cwd, env }), cli(["migrate"], { cwd, env })], {
        concurrency: 2
      })
      assert.deepStrictEqual(
        both.map(({ code, stderr }) => ({ code, stderr })),
        [
          { code: 0, stderr: "" },
          { code: 0, stderr: "" }
        ]
      )
      assert.deepStrictEqual(both.map(({ stdout }) => stdout).toSorted(), [applied, nothing].toSorted())
      const sql = yield* sqlOf(env.DATABASE_URL)
      assert.deepStrictEqual(
        (yield* sql`select migration_id as id from migrations order by id`).map(({ id }) => id),
        Object.keys(Migrations.migrations).map((name) => Number.parseInt(name, 10))
      )
    })
  )

  it.live("lists the accounts that share a mailbox under two spellings", () =>
    Effect.gen(function* () {
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl) }
      const sql = yield* sqlOf(env.DATABASE_URL)
      yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, sql)
      const insert = (id: string, email: string, canonical: string | null) => sql`
        insert into users (id, email, email_canonical, username, password_hash, created_at, updated_at)
        values (${id}, ${email}, ${canonical}, ${id}, '', now(), now())`
      const [holder, other] = ["0193a5c2-7b1b-7d3e-8c05-41a7f2b6e9d8", "0193a5c2-7b1b-7d3e-8c05-41a7f2b6e9d9"] as const
      yield* insert(holder, "zoë@bücher.example", "zoë@xn--bcher-kva.example")
      yield* insert(other, "zoë@xn--bcher-kva.example", null)
      assert.deepStrictEqual(yield* cli(["migrate"], { cwd: yield* folder, env }), {
        code: 0,
        stdout:
          nothing +
          `Account ${other} (zoë@xn--bcher-kva.example) has the mailbox of account ${holder} (zoë@bücher.example): ` +
          "it can log in by exactly this spelling only\n",
        stderr: ""
      })
    })
  )

  it.live(
    "accepts the parts of the address; a failed migration leaves nothing behind and is reported in one line",
    () =>
      Effect.gen(function* () {
        const url = yield* freshDatabase(databaseUrl)
        const { hostname, password, pathname, port, username } = new URL(url)
        const sql = yield* sqlOf(url)
        yield* sql`create table sessions (id int)`
        const outcome = yield* cli(["migrate"], {
          cwd: yield* folder,
          env: {
            DB_HOST: hostname,
            DB_PORT: port === "" ? "5432" : port,
            DB_NAME: pathname.slice(1),
            DB_USER: username,
            DB_PASSWORD: password
          }
        })
        assert.deepStrictEqual(outcome, {
          stdout: "",
          ...failure(`Migration "2_sessions" failed: relation "sessions" already exists`)
        })
        const tables = yield* sql`select relname from pg_class where relname in ('users', 'migrations')`
        assert.deepStrictEqual(tables, [])
      })
  )

  it.live("a database that does not exist is named", () =>
    Effect.gen(function* () {
      const url = new URL(databaseUrl)
      url.pathname = "/no_such_database"
      const outcome = yield* cli(["migrate"], { cwd: yield* folder, env: { DATABASE_URL: url.href } })
      assert.deepStrictEqual({ ...outcome, stderr: "" }, { stdout: "", ...failure(""), stderr: "" })
      assert.match(
        outcome.stderr,
        /^PostgreSQL cannot be used as DATABASE_URL says: database "no_such_database" does not exist; create it: createdb .*\n$/
      )
    })
  )
})
