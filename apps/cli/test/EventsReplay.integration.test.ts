import { NotMigrated } from "@user-service/database/MigrateOnStart"
import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("events replay on PostgreSQL", patient, () => {
  it.live("makes events since the time due again, whether published or set aside, and no earlier ones", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl) }
      yield* cli(["migrate"], { cwd, env })
      const context = yield* Layer.build(Postgres.layer(settingsOf(env.DATABASE_URL, 2)))
      const sql = Context.get(context, SqlClient.SqlClient)
      yield* sql`
        insert into outbox (id, user_id, user_version, event_type, payload, created_at, published_at, set_aside_at)
        select gen_random_uuid(), gen_random_uuid(), 1, name, '{}', at::timestamptz,
          case when how = 'published' then at::timestamptz end, case when how = 'set aside' then at::timestamptz end
        from (values ('before', '2026-11-24T09:59:59Z', 'published'), ('published', '2026-11-24T10:00:00Z', 'published'),
          ('set aside', '2026-11-24T10:00:01Z', 'set aside'), ('waiting', '2026-11-24T10:00:02Z', 'waiting'))
          as event (name, at, how)`
      const outcome = yield* cli(["events", "replay", "--since", "2026-11-24T11:00:00+01:00"], { cwd, env })
      assert.deepStrictEqual(outcome, {
        code: 0,
        stdout: "2 events since 2026-11-24T10:00:00.000Z wait to be published again\n",
        stderr: ""
      })
      const waiting = yield* sql<{ name: string }>`
        select event_type as name from outbox where published_at is null and set_aside_at is null order by created_at`
      assert.deepStrictEqual(
        waiting.map(({ name }) => name),
        ["published", "set aside", "waiting"]
      )
    })
  )

  it.live("requires a time, and a migrated database", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const env = { DATABASE_URL: yield* freshDatabase(databaseUrl) }
      const wrong = yield* cli(["events", "replay", "--since", "yesterday"], { cwd, env })
      assert.deepStrictEqual(wrong, {
        stdout: "",
        ...failure(
          `Invalid value for flag --since: "yesterday". Enter a valid time, as in RFC 3339. (see cli events replay --help)`
        )
      })
      const unmigrated = yield* cli(["events", "replay", "--since", "2026-11-24T10:00:00Z"], { cwd, env })
      assert.deepStrictEqual(unmigrated, {
        stdout: "",
        ...failure(new NotMigrated().message)
      })
    })
  )
})
