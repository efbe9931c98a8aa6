import { assert, describe, it } from "@effect/vitest"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

// Without deadlines, since a busy server takes long to create tables.
const sqlOf = (url: string) => Postgres.connectTo(settingsOf(url, 2).address)

const idOf = (n: number) => `0193a5c2-7b1a-7b62-a1f9-${String(n).padStart(12, "0")}`

/** A migrated database, a folder, and a function that runs a command of `erasures`. */
const setUp = Effect.gen(function* () {
  const cwd = yield* folder
  const env = { DATABASE_URL: yield* freshDatabase(databaseUrl) }
  const sql = yield* sqlOf(env.DATABASE_URL)
  yield* Effect.provideService(Migrations.run, SqlClient.SqlClient, sql)
  const file = join(cwd, "erasures.txt")
  return {
    sql,
    file,
    cwd,
    run: (args: ReadonlyArray<string>, others: Readonly<Record<string, string>> = {}) =>
      cli(["erasures", ...args], { cwd, env: { ...env, ...others } }),
    lines: Effect.promise(async () => (await readFile(file, "utf8")).split("\n").slice(0, -1))
  }
})

const insertErasures = (sql: SqlClient.SqlClient, from: number, to: number) => sql`
  insert into erasures (user_id, erased_at, finished_at)
  select ('0193a5c2-7b1a-7b62-a1f9-' || lpad(n::text, 12, '0'))::uuid, '2026-11-01T00:00:00Z'::timestamptz + n * interval '1 second',
    now()
  from generate_series(${from}::int, ${to}::int) n`

const insertUsers = (sql: SqlClient.SqlClient, from: number, to: number) => sql`
  insert into users (id, email, username, password_hash, created_at, updated_at)
  select ('0193a5c2-7b1a-7b62-a1f9-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com', n::text, '', now(), now()
  from generate_series(${from}::int, ${to}::int) n`

const counted = (numbers: readonly [all: number, present: number, erased: number, unknown: number]) =>
  [
    `Erasures in the file:       ${numbers[0]}`,
    `  erased again:             ${numbers[1]}`,
    `  erased here already:      ${numbers[2]}`,
    `  unknown here, recorded:   ${numbers[3]}`,
    ""
  ].join("\n")

const said = (stdout: string) => ({ code: 0, stderr: "", stdout })

describe.skipIf(databaseUrl === "")("erasures on PostgreSQL", patient, () => {
  it.live("are added to the file that has none of them, and a repeated export leaves the file as it is", () =>
    Effect.gen(function* () {
      const { file, lines, run, sql } = yield* setUp
      assert.deepStrictEqual(yield* run(["export", "--file", file]), said(`Erasures added to ${file}: 0, in all: 0\n`))
      yield* insertErasures(sql, 1, 3)
      const added = said(`Erasures added to ${file}: 3, in all: 3\n`)
      assert.deepStrictEqual(yield* run(["export", "--file", file]), added)
      const whole = yield* lines
      assert.match(whole[0] ?? "", new RegExp(`^${idOf(1)} 2026-11-01T00:00:01\\.000Z [0-9a-f]{8}$`))
      assert.deepStrictEqual(yield* run(["export", "--file", file]), said(`Erasures added to ${file}: 0, in all: 3\n`))
      // Recorded by a process whose clock is late, and after an erasure of the file that the database has no more.
      yield* sql`insert into erasures values (${idOf(4)}, '2026-10-31T12:00:00Z', now())`
      yield* sql`delete from erasures where user_id = ${idOf(1)}`
      yield* run(["export", "--file", file])
      const later = yield* lines
      assert.deepStrictEqual(later.slice(0, 3), whole)
      assert.match(later[3] ?? "", new RegExp(`^${idOf(4)} 2026-10-31T12:00:00\\.000Z`))
    })
  )

  it.live("are exported although an earlier one has a time in the future, or 29 days after theirs", () =>
    Effect.gen(function* () {
      const { file, run, sql } = yield* setUp
      for (const [n, age] of [
        [1, "0 days"],
        [2, "-365 days"],
        [3, "29 days"],
        [4, "0 days"]
      ] as const) {
        yield* sql`insert into erasures values (${idOf(n)}, now() - ${age}::interval, now())`
        assert.deepStrictEqual(
          yield* run(["export", "--file", file]),
          said(`Erasures added to ${file}: 1, in all: ${n}\n`)
        )
      }
    })
  )

  it.live("are printed since a time, as lines of the file", () =>
    Effect.gen(function* () {
      const { file, lines, run, sql } = yield* setUp
      yield* insertErasures(sql, 1, 3)
      yield* run(["export", "--file", file])
      const printed = yield* run(["export", "--since", "2026-11-01T00:00:02Z"])
      assert.deepStrictEqual(printed, said(`${(yield* lines).slice(1).join("\n")}\n`))
    })
  )

  it.live("are exported whole when there are more than fit one query", () =>
    Effect.gen(function* () {
      const { file, lines, run, sql } = yield* setUp
      yield* insertErasures(sql, 1, 20_001)
      yield* run(["export", "--file", file])
      assert.lengthOf(yield* lines, 20_001)
    })
  )

  it.live("are in the old or in the new file after an export that is killed with SIGKILL", () =>
    Effect.gen(function* () {
      const { cwd, file, lines, run, sql } = yield* setUp
      yield* insertErasures(sql, 1, 1)
      yield* run(["export", "--file", file])
      const [first] = yield* lines
      yield* insertErasures(sql, 2, 150_000)
      // The export is killed as soon as it begins to write its new file.
      const writes = Effect.promise(() => readdir(cwd)).pipe(
        Effect.flatMap((names) =>
          names.some((name) => name.startsWith(".erasures.txt-")) ? Effect.void : Effect.fail("not yet")
        ),
        Effect.retry(Schedule.spaced("1 millis"))
      )
      yield* Effect.raceFirst(run(["export", "--file", file]), writes)
      const left = yield* lines
      assert.include([1, 150_000], left.length)
      assert.strictEqual(left[0], first)
      assert.strictEqual((yield* run(["export", "--file", file])).code, 0)
      assert.lengthOf(new Set(yield* lines), 150_000)
    })
  )

  it.live(
    "are repeated by a replay: present users are erased with their event, unknown ones recorded, others untouched",
    () =>
      Effect.gen(function* () {
        const { file, run, sql } = yield* setUp
        yield* insertErasures(sql, 1, 4)
        yield* run(["export", "--file", file])
        // As after a restore: 1 and 2 are here again, 3 had been erased before the backup, 4 is unknown.
        yield* sql`delete from erasures where user_id <> ${idOf(3)}`
        yield* insertUsers(sql, 1, 2)
        yield* insertUsers(sql, 9, 9)
        yield* sql`
        insert into outbox (user_id, user_version, event_type, payload, created_at)
        values (${idOf(1)}, 1, 'UserRegistered', '{"email":"1@example.com"}', now())`
        const dry = yield* run(["replay", file, "--dry-run"])
        assert.deepStrictEqual(
          dry,
          said(
            counted([4, 2, 1, 1])
              .replace("erased again:  ", "to erase again:")
              .replace("unknown here, recorded:   ", "unknown here, to record:  ")
          )
        )
        const users = Effect.map(sql`select id from users order by id`, (rows) => rows.map((row) => row["id"]))
        assert.lengthOf(yield* users, 3)

        assert.deepStrictEqual(yield* run(["replay", file]), said(counted([4, 2, 1, 1])))
        assert.deepStrictEqual(yield* users, [idOf(9)])
        assert.deepStrictEqual(
          yield* sql`select user_id, event_type, published_at from outbox order by user_id`,
          [1, 2].map((n) => ({ user_id: idOf(n), event_type: "UserDeleted", published_at: null }))
        )
        assert.deepStrictEqual(
          yield* sql`select user_id from audit_log where action = 'user.erased' order by user_id`,
          [1, 2].map((n) => ({ user_id: idOf(n) }))
        )
        const recorded = yield* sql`
        select user_id, erased_at = '2026-11-01T00:00:04Z' as kept, finished_at is not null as finished
        from erasures order by user_id`
        assert.deepStrictEqual(
          recorded.map((row) => row["user_id"]),
          [1, 2, 3, 4].map(idOf)
        )
        assert.deepStrictEqual(recorded[3], { user_id: idOf(4), kept: true, finished: true })

        assert.deepStrictEqual(yield* run(["replay", file]), said(counted([4, 0, 4, 0])))
        assert.deepStrictEqual(yield* sql`select count(*)::int as count from outbox`, [{ count: 2 }])
        assert.deepStrictEqual(
          yield* run(["export", "--file", file]),
          said(`Erasures added to ${file}: 0, in all: 4\n`)
        )
      })
  )

  it.live("are completed by the next replay after one that was killed with SIGKILL", () =>
    Effect.gen(function* () {
      const { file, run, sql } = yield* setUp
      yield* insertErasures(sql, 1, 400)
      yield* run(["export", "--file", file])
      yield* sql`delete from erasures`
      yield* insertUsers(sql, 1, 401)
      const count = Effect.map(
        sql<{ count: number }>`select count(*)::int as count from users`,
        ([row]) => row?.count ?? 0
      )
      const begun = count.pipe(
        Effect.flatMap((left) => (left < 401 ? Effect.void : Effect.fail("not yet"))),
        Effect.retry(Schedule.spaced("1 millis"))
      )
      yield* Effect.raceFirst(run(["replay", file]), begun)
      const left = yield* count
      const { code, stdout } = yield* run(["replay", file])
      assert.strictEqual(code, 0)
      // The killed replay may have committed some more.
      const again = Number(/erased again: +(\d+)/.exec(stdout)?.[1])
      assert.isAbove(again, 0)
      assert.isBelow(again, left)
      assert.strictEqual(yield* count, 1)
      const events = yield* sql`select user_id from outbox where event_type = 'UserDeleted'`
      assert.lengthOf(new Set(events.map((row) => row["user_id"])), 400)
      assert.lengthOf(events, 400)
    })
  )

  it.live("of a damaged file are refused before anything is done, by export and replay", () =>
    Effect.gen(function* () {
      const { file, lines, run, sql } = yield* setUp
      yield* insertErasures(sql, 1, 3)
      yield* run(["export", "--file", file])
      yield* sql`delete from erasures`
      yield* insertUsers(sql, 1, 3)
      const [first = "", second = "", third = ""] = yield* lines
      yield* Effect.promise(() =>
        writeFile(file, `${first}\n${second.replace("0002 ", "0009 ")}\n${third.slice(0, 50)}`)
      )
      const refusal = {
        stdout: "",
        ...failure(
          `${file}: lines 2, 3 are damaged, and nothing was done. Take the file from another copy. A line that no copy has whole ` +
            "can be deleted: its user is then not erased again"
        )
      }
      assert.deepStrictEqual(yield* run(["replay", file]), refusal)
      assert.deepStrictEqual(yield* run(["export", "--file", file]), refusal)
      assert.deepStrictEqual(yield* sql`select count(*)::int as count from users`, [{ count: 3 }])
    })
  )

  it.live("of joined files are repeated once each", () =>
    Effect.gen(function* () {
      const { file, lines, run, sql } = yield* setUp
      yield* insertErasures(sql, 1, 2)
      yield* run(["export", "--file", file])
      const text = `${(yield* lines).join("\n")}\n`
      yield* Effect.promise(() => appendFile(file, text))
      yield* sql`delete from erasures`
      yield* insertUsers(sql, 1, 1)
      assert.deepStrictEqual(yield* run(["replay", file]), said(counted([2, 1, 0, 1])))
    })
  )

  it.live("fail with one line where the file, the database or its schema is not as it should be", () =>
    Effect.gen(function* () {
      const { cwd, file, run, sql } = yield* setUp
      const none = join(cwd, "none.txt")
      assert.deepStrictEqual(yield* run(["replay", none]), {
        stdout: "",
        ...failure(`Cannot use ${none}: ENOENT: no such file or directory, open '${none}'`)
      })
      const here = join(cwd, "folder")
      yield* Effect.promise(() => mkdir(here))
      const unwritable = yield* run(["export", "--file", here])
      assert.strictEqual(unwritable.code, 1)
      assert.match(unwritable.stderr, /^Cannot use .*folder: EISDIR.*\n$/)
      const away = yield* run(["export", "--file", file], { DATABASE_URL: "postgres://postgres@127.0.0.1:1/none" })
      assert.strictEqual(away.code, 1)
      assert.match(away.stderr, /^[^\n]+\n$/)
      yield* sql`delete from migrations where migration_id > 1`
      assert.deepStrictEqual(yield* run(["export", "--file", file]), {
        stdout: "",
        ...failure(
          "The database does not have the schema of this release: run `npm run cli -- migrate`, or start with MIGRATE_ON_START=on"
        )
      })
    })
  )
})
