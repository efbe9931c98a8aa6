import { assert, describe, it } from "@effect/vitest"
import { djangoUserId } from "@user-service/database/testing/DjangoTables"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect, Fiber } from "effect"
import type { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { databases, report } from "./DjangoImports.ts"
import { cli, failure, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

const leftOut = (count: number) =>
  failure(
    `${count} rows were not imported, as listed: correct them in the Django service's database and repeat the import`
  )

const usernames = (sql: SqlClient.SqlClient) =>
  Effect.map(sql`select username from users order by username`, (rows) => rows.map(({ username }) => username))

// Ends the sessions of the import on this database, once one of them runs a statement like this.
const endSessions = (sql: SqlClient.SqlClient, statement: string) =>
  waitUntil(
    Effect.map(
      sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state = 'active' and query like ${statement}`,
      (ended) => ended.length > 0
    )
  )

// Delays the statement that reads the users.
const delayReading = Effect.fnUntraced(function* (django: SqlClient.SqlClient, seconds: number) {
  yield* django`alter table push_tokens rename to all_push_tokens`
  yield* django.unsafe(
    `create view push_tokens as select t.* from all_push_tokens t, (select pg_sleep(${seconds})) as delay`
  )
})

describe.skipIf(databaseUrl === "")("import-django from a hostile database, on PostgreSQL", patient, () => {
  it.live("imports each user once while another import runs, without calling any row bad", () =>
    Effect.gen(function* () {
      const { importDjango, sql } = yield* databases(databaseUrl, 3000)
      const outcomes = yield* Effect.all([importDjango, importDjango], { concurrency: 2 })
      assert.deepStrictEqual(
        outcomes.map(({ code }) => code),
        [0, 0]
      )
      const counts = outcomes.map(({ stdout }) => Number(/imported: +(\d+)/.exec(stdout)?.[1]))
      assert.strictEqual((counts[0] ?? 0) + (counts[1] ?? 0), 3000)
      assert.deepStrictEqual(yield* sql`select count(*)::int as count from users`, [{ count: 3000 }])
    })
  )

  it.live("leaves out only the user whose row the database refuses, and names the rule without values", () =>
    Effect.gen(function* () {
      const { importDjango, sql } = yield* databases(databaseUrl, 5)
      yield* sql`alter table users add constraint stricter check (username <> 'user2')`
      yield* sql`create unique index stricter_name on profiles (first_name) where first_name in ('First 4', '')`
      yield* sql`
        create function as_first_4() returns trigger language plpgsql as $$ begin new.first_name := 'First 4'; return new; end $$`
      yield* sql`
        create trigger as_first_4 before insert on profiles for each row
        when (new.first_name = 'First 5') execute function as_first_4()`
      const { code, stderr, stdout } = yield* importDjango
      assert.deepStrictEqual({ code, stderr }, leftOut(2))
      assert.strictEqual(
        stdout,
        [
          `users ${djangoUserId(2)}: The database refuses this user (23514).`,
          `users ${djangoUserId(5)}: The database refuses this user (stricter_name).`,
          report({ read: 5, imported: 3, tokens: 6, bad: 2 })
        ].join("\n")
      )
      assert.deepStrictEqual(yield* usernames(sql), ["user1", "user3", "user4"])
    })
  )

  it.live("reports a user who was not inserted although no account has the address or the username any more", () =>
    Effect.gen(function* () {
      const { importDjango, sql } = yield* databases(databaseUrl, 2)
      yield* sql`create function skip() returns trigger language plpgsql as $$ begin return null; end $$`
      yield* sql`create trigger skip before insert on users for each row when (new.username = 'user2') execute function skip()`
      const { code, stdout } = yield* importDjango
      assert.strictEqual(code, 1)
      assert.strictEqual(
        stdout,
        `users ${djangoUserId(2)}: Another account had its address or username a moment ago. Repeat the import.\n` +
          report({ read: 2, imported: 1, tokens: 2, bad: 1 })
      )
    })
  )

  it.live("leaves out a user with two profiles, and reports all problems of a row and of a user in one line", () =>
    Effect.gen(function* () {
      const { django, importDjango, sql } = yield* databases(databaseUrl, 4)
      yield* django`alter table user_profiles drop constraint user_profiles_user_id_key`
      yield* django`
        insert into user_profiles select gen_random_uuid(), user_id, 'Other', '', null, 'UTC', 'en', '', now(), now()
        from user_profiles where user_id = ${djangoUserId(1)}`
      yield* django`update users set email = 'nobody', password = 'x', date_joined = 'infinity' where username = 'user2'`
      yield* django`update users set email = 'USER4@example.com', username = 'USER4' where username = 'user3'`
      const { stdout } = yield* importDjango
      const lines = stdout.split("\n")
      assert.match(lines[0] ?? "", /^user_profiles \S+: user_id: This user has another row\.$/)
      assert.deepStrictEqual(lines.slice(1, 3), [
        `users ${djangoUserId(2)}: email: Enter a valid email address.; date_joined: Expected a valid UTC DateTime string`,
        `users ${djangoUserId(4)}: email: Another account has it.; username: Another account has it.`
      ])
      assert.strictEqual(lines.slice(3).join("\n"), report({ read: 4, imported: 1, tokens: 2, bad: 3 }))
      assert.deepStrictEqual(yield* usernames(sql), ["USER4"])
    })
  )

  it.live(
    "imports from tables with numbered rows, other column names, a json column and without optional columns",
    () =>
      Effect.gen(function* () {
        const { django, importDjango, sql } = yield* databases(databaseUrl, 1)
        yield* django`alter table users drop column last_login, drop column last_login_ip, drop column phone_number`
        yield* django`alter table users rename column date_joined to created_at`
        // Which PostgreSQL cannot convert to jsonb.
        yield* django.unsafe(`alter table users add column settings json default '{"a": "\\u0000"}'`)
        for (const table of ["user_profiles", "notification_preferences", "push_tokens"])
          yield* django.unsafe(`alter table ${table} drop column id, add column id bigserial primary key`)
        yield* django`update user_profiles set created_at = '2020-02-03', updated_at = '2021-02-03'`
        yield* django`update notification_preferences set created_at = '2020-03-04', updated_at = '2021-03-04'`
        const { code, stderr, stdout } = yield* importDjango
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.strictEqual(
          stdout,
          "Columns that it lacks, imported with their defaults: users.phone_number, users.last_login, users.last_login_ip\n" +
            report({ read: 1, imported: 1, tokens: 2 })
        )
        assert.deepStrictEqual(
          yield* sql`
          select p.created_at::date::text as p, p.updated_at::date::text as pu, n.created_at::date::text as n,
            n.updated_at::date::text as nu, u.created_at < now() - interval '364 days' as u
          from users u join profiles p on p.user_id = u.id join notification_preferences n on n.user_id = u.id`,
          [{ p: "2020-02-03", pu: "2021-02-03", n: "2020-03-04", nu: "2021-03-04", u: true }]
        )
      })
  )

  it.live("names the columns without which it imports nothing, and a database or server that is not there", () =>
    Effect.gen(function* () {
      const { cwd, django, importDjango, own } = yield* databases(databaseUrl, 1)
      yield* django`alter table notification_preferences drop column push_marketing, drop column email_system`
      assert.deepStrictEqual(yield* importDjango, {
        stdout: "",
        ...failure(
          "The database to import is not that of the Django service: " +
            "its table notification_preferences has no column email_system, push_marketing"
        )
      })
      const importFrom = (change: (url: URL) => void) => {
        const url = new URL(databaseUrl)
        url.password = "topsecret"
        change(url)
        return cli(["import-django", "--from", url.href], { cwd, env: { DATABASE_URL: own } })
      }
      const absent = yield* importFrom((url) => (url.pathname = "/absent_django"))
      assert.deepStrictEqual(absent, {
        stdout: "",
        ...failure('The database of the Django service cannot be read: database "absent_django" does not exist')
      })
      const closed = yield* importFrom((url) => (url.port = "1"))
      assert.strictEqual(closed.code, 1)
      assert.match(
        closed.stderr,
        /^The database of the Django service cannot be read: nothing listens there \([^\n]*\)\n$/
      )
      assert.notInclude(closed.stderr, "topsecret")
    })
  )

  it.live("needs only the right to read the columns, and no statement of the role may end it", () =>
    Effect.gen(function* () {
      const { cwd, django, from, own } = yield* databases(databaseUrl, 2)
      const role = `reader_${new URL(from).pathname.slice(6, 20)}`
      yield* Effect.acquireRelease(django.unsafe(`create role ${role} login password 'secret'`), () =>
        Effect.orDie(Effect.andThen(django.unsafe(`drop owned by ${role}`), django.unsafe(`drop role ${role}`)))
      )
      yield* django.unsafe(`alter role ${role} set statement_timeout = '1s'`)
      yield* delayReading(django, 1.5)
      yield* django`alter table users add column secret text`
      yield* django.unsafe(`
        grant select (id, email, username, password, phone_number, is_active, is_verified, is_staff, is_superuser, date_joined,
          last_login, last_login_ip, updated_at) on users to ${role}`)
      yield* django.unsafe(`grant select on notification_preferences, push_tokens to ${role}`)
      const url = new URL(from)
      url.username = role
      url.password = "secret"
      const importDjango = cli(["import-django", "--from", url.href], { cwd, env: { DATABASE_URL: own } })
      assert.deepStrictEqual(yield* importDjango, {
        stdout: report({ read: 0, imported: 0, tokens: 0 }),
        ...failure("The database of the Django service cannot be read: permission denied for table user_profiles")
      })
      yield* django.unsafe(`grant select on user_profiles to ${role}`)
      assert.deepStrictEqual(yield* importDjango, {
        code: 0,
        stdout: report({ read: 2, imported: 2, tokens: 4 }),
        stderr: ""
      })
    })
  )

  it.live("reports what it has done, and why it ends, when a database goes away", () =>
    Effect.gen(function* () {
      const { django, importDjango, sql } = yield* databases(databaseUrl, 2)
      yield* sql`select pg_advisory_lock(7301531)`
      const toTarget = yield* Effect.forkScoped(importDjango)
      yield* endSessions(sql, "select pg_advisory_xact_lock%")
      yield* sql`select pg_advisory_unlock(7301531)`
      const nothing = report({ read: 0, imported: 0, tokens: 0 })
      assert.deepStrictEqual(yield* Fiber.join(toTarget), {
        stdout: nothing,
        ...failure("The database refuses: Connection closed")
      })

      yield* delayReading(django, 60)
      const fromSource = yield* Effect.forkScoped(importDjango)
      yield* endSessions(django, "%push_tokens%")
      assert.deepStrictEqual(yield* Fiber.join(fromSource), {
        stdout: nothing,
        ...failure(
          "The database of the Django service cannot be read: terminating connection due to administrator command"
        )
      })
    })
  )
})
