import { assert, describe, it } from "@effect/vitest"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("after-restore on PostgreSQL", patient, () => {
  it.live("ends the sessions, deletes the one-time tokens and raises all versions, and may be repeated", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl) }
      // Without deadlines, since a busy server takes long to create tables.
      const sql = yield* Postgres.connectTo(settingsOf(env.DATABASE_URL, 2).address)
      yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, sql)
      const [user, other, ended] = [randomUUID(), randomUUID(), randomUUID()]
      yield* sql`
        insert into users (id, email, username, password_hash, version, created_at, updated_at)
        select id, id || '@example.com', id::text, '', 7, now(), now() from unnest(array[${user}, ${other}]::uuid[]) id`
      yield* sql`
        insert into notification_preferences (id, user_id, version, created_at, updated_at)
        values (gen_random_uuid(), ${user}, 3, now(), now())`
      yield* sql`
        insert into sessions
          (id, user_id, refresh_token_hash, created_at, refreshed_at, last_seen_at, expires_at, revoked_at, revoked_reason)
        values (gen_random_uuid(), ${user}, sha256('a'), now(), now(), now(), now() + interval '1 day', null, null),
          (${ended}, ${user}, sha256('b'), now(), now(), now(), now() + interval '1 day', now() - interval '1 hour', 'logout')`
      yield* sql`
        insert into one_time_tokens (user_id, purpose, token_sha256, email, created_at, expires_at)
        values (${user}, 'email_verification', sha256('a'), 'a@example.com', now(), now() + interval '1 day')`

      const report = (sessions: number, tokens: number) => ({
        code: 0,
        stdout: [
          `Sessions ended:             ${sessions}`,
          `One-time tokens deleted:    ${tokens}`,
          "Users with raised versions: 2",
          ""
        ].join("\n"),
        stderr: ""
      })
      assert.deepStrictEqual(yield* cli(["after-restore"], { cwd, env }), report(1, 1))
      assert.deepStrictEqual(yield* sql`select distinct version::int as version from users`, [{ version: 100_007 }])
      assert.deepStrictEqual(yield* sql`select version::int as version from notification_preferences`, [
        { version: 100_003 }
      ])
      assert.deepStrictEqual(
        yield* sql`select id = ${ended} as before, revoked_reason as reason from sessions order by revoked_at`,
        [
          { before: true, reason: "logout" },
          { before: false, reason: "admin" }
        ]
      )
      const isRecent = sql`select not_before > now() - interval '1 minute' as "isRecent" from session_cutoff`
      assert.deepStrictEqual(yield* isRecent, [{ isRecent: true }])
      assert.deepStrictEqual(yield* cli(["after-restore"], { cwd, env }), report(0, 0))
      // The time of the first run is replaced by that of the second.
      const entries = yield* sql`
        select a.user_id as user, a.actor_id as actor, details - 'notBefore' as details,
          (details->>'notBefore')::timestamptz = not_before as "isCurrent"
        from audit_log a, session_cutoff where action = 'restore.invalidated' order by a.created_at`
      const entry = { user: null, actor: null }
      assert.deepStrictEqual(entries, [
        { ...entry, details: { sessions: 1, oneTimeTokens: 1, users: 2 }, isCurrent: false },
        { ...entry, details: { sessions: 0, oneTimeTokens: 0, users: 2 }, isCurrent: true }
      ])
    })
  )

  it.live("requires a migrated database", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl) }
      assert.deepStrictEqual(yield* cli(["after-restore"], { cwd, env }), {
        stdout: "",
        ...failure(
          "The database does not have the schema of this release: run `npm run cli -- migrate`, or start with MIGRATE_ON_START=on"
        )
      })
    })
  )
})
