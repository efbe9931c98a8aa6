import { NotMigrated } from "@user-service/database/MigrateOnStart"
import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")
const goodPassword = "correct horse battery staple"

const sqlOf = (url: string) =>
  Effect.map(Layer.build(Postgres.layer(settingsOf(url, 2))), (context) => Context.get(context, SqlClient.SqlClient))

const verify = (stored: unknown) =>
  PasswordHasher.pipe(
    Effect.flatMap((hasher) => hasher.verify(Redacted.make(goodPassword), String(stored), [])),
    Effect.map(({ matches }) => matches),
    Effect.provide(PasswordHasher.layerTest)
  )

describe.skipIf(databaseUrl === "")("create-superuser on PostgreSQL", patient, () => {
  it.live("creates a complete user with staff rights, an event and an audit entry, but no session", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl), NODE_ENV: "production" }
      yield* cli(["migrate"], { cwd, env })
      const { code, stderr, stdout } = yield* cli(
        ["create-superuser", "--email", "ada@example.com", "--username", "Ada"],
        { cwd, env, input: goodPassword }
      )
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })

      const sql = yield* sqlOf(env.DATABASE_URL)
      const [user, ...others] = yield* sql`
        select users.id, email, username, is_staff, role, is_active, password_hash,
          (select count(*)::int from profiles where user_id = users.id) as profiles,
          (select count(*)::int from notification_preferences where user_id = users.id) as preferences,
          (select count(*)::int from sessions) as sessions
        from users`
      const { id, password_hash, ...rest } = user ?? {}
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(rest, {
        email: "ada@example.com",
        username: "Ada",
        is_staff: true,
        role: "admin",
        is_active: true,
        profiles: 1,
        preferences: 1,
        sessions: 0
      })
      assert.strictEqual(stdout, `Created superuser ada@example.com with id ${String(id)}\n`)
      assert.match(String(password_hash), /^bcrypt_sha256\$\$2b\$10\$/)
      assert.isTrue(yield* verify(password_hash))
      assert.deepStrictEqual(yield* sql`select user_id, event_type from outbox`, [
        { user_id: id, event_type: "UserRegistered" }
      ])
      assert.deepStrictEqual(yield* sql`select user_id, action, ip from audit_log`, [
        { user_id: id, action: "user.staff_created", ip: null }
      ])

      const args = ["create-superuser", "--email", "lovelace@example.com", "--username", "ADA"]
      assert.deepStrictEqual(yield* cli(args, { cwd, env, input: goodPassword }), {
        stdout: "",
        ...failure("A user with that username already exists.")
      })
    })
  )

  it.live("creates one user of several concurrent calls with one e-mail, and a refusal leaves nothing behind", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl), SUPERUSER_PASSWORD: goodPassword }
      yield* cli(["migrate"], { cwd, env })
      const all = yield* Effect.all(
        ["ada", "Ada", "ADA"].map((name) => cli(["create-superuser", "--email", `${name}@example.com`], { cwd, env })),
        { concurrency: 3 }
      )
      const refusal = { stdout: "", ...failure("A user with this email already exists.") }
      const refused = all.filter(({ code }) => code !== 0)
      assert.deepStrictEqual(refused, [refusal, refusal])
      const sql = yield* sqlOf(env.DATABASE_URL)
      assert.deepStrictEqual(
        yield* sql`select (select count(*)::int from users) as users, (select count(*)::int from outbox) as events`,
        [{ users: 1, events: 1 }]
      )
    })
  )

  it.live("asks for a migration if the database lacks any part of this release's schema", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl), SUPERUSER_PASSWORD: goodPassword }
      const create = cli(["create-superuser", "--email", "ada@example.com"], { cwd, env })
      const refusal = { stdout: "", ...failure(new NotMigrated().message) }
      assert.deepStrictEqual(yield* create, refusal)
      yield* cli(["migrate"], { cwd, env })
      const sql = yield* sqlOf(env.DATABASE_URL)
      yield* sql`delete from migrations where migration_id = (select max(migration_id) from migrations)`
      assert.deepStrictEqual(yield* create, refusal)
    })
  )

  it.live("logs an unexpected failure with its cause, without the password", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl), SUPERUSER_PASSWORD: goodPassword }
      yield* cli(["migrate"], { cwd, env })
      const sql = yield* sqlOf(env.DATABASE_URL)
      yield* sql`alter table users drop column is_staff cascade`
      const { code, stderr, stdout } = yield* cli(["create-superuser", "--email", "ada@example.com"], { cwd, env })
      assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
      assert.include(stderr, "FATAL The command failed, because of a defect in it")
      assert.include(stderr, `column "is_staff" of relation "users" does not exist`)
      assert.notInclude(stderr, goodPassword)
    })
  )
})
