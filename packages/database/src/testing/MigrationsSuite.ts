import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as Migrations from "../Migrations.ts"

/** Inserts an audit entry at this time, an SQL expression, and returns its partition. */
const partitionAt = (moment: string) =>
  Effect.map(
    SqlClient.SqlClient.use(
      (sql) => sql<{ partition: string }>`
        insert into audit_log (id, action, created_at) values (${randomUUID()}, 'test', ${sql.literal(moment)})
        returning tableoid::regclass::text as partition`
    ),
    (rows) => rows[0]?.partition
  )

const monthsAhead = (months: number) => `(date_trunc('month', now() at time zone 'UTC') + interval '${months} months')`

/** The name of the partition `months` after the server's current month. */
const partitionAhead = (months: number) =>
  Effect.map(
    SqlClient.SqlClient.use(
      (sql) => sql<{ name: string }>`
        select 'audit_log_' || to_char(${sql.literal(monthsAhead(months))}, 'YYYY_MM') as name`
    ),
    (rows) => rows[0]?.name
  )

/** The contract of a migrated database, on any engine. */
export const suite = <E>(name: string, migrated: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(migrated, { excludeTestServices: true })((it) => {
      it.effect("each migration is recorded once and in order, and a second run applies none", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          assert.deepStrictEqual(yield* Migrations.run, [])
          const recorded = yield* sql<{ migration_id: number; name: string }>`
            select migration_id, name from migrations order by migration_id`
          assert.deepStrictEqual(
            recorded.map((row) => `${String(row.migration_id).padStart(4, "0")}_${row.name}`),
            Object.keys(Migrations.migrations)
          )
        })
      )

      it.effect("audit entries of this month and the next two are in their month's partition", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* partitionAt("now()"), yield* partitionAhead(0))
          for (const months of [0, 1, 2]) {
            const first = `${monthsAhead(months)} at time zone 'UTC'`
            const last = `(${monthsAhead(months + 1)} at time zone 'UTC') - interval '1 microsecond'`
            assert.strictEqual(yield* partitionAt(first), yield* partitionAhead(months))
            assert.strictEqual(yield* partitionAt(last), yield* partitionAhead(months))
          }
        })
      )

      it.effect("an audit entry without a month partition is in the default partition", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* partitionAt("timestamptz '2001-02-03'"), "audit_log_default")
          assert.strictEqual(yield* partitionAt("now() + interval '50 years'"), "audit_log_default")
        })
      )

      it.effect("partitions are created in advance, and creating them again does nothing", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* Effect.replicateEffect(sql`select ensure_audit_partitions(5)`, 2)
          const fifth = `${monthsAhead(5)} at time zone 'UTC'`
          assert.strictEqual(yield* partitionAt(fifth), yield* partitionAhead(5))
        })
      )

      it.effect("a partition that is created late takes over its month's entries from the default partition", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const seventh = `${monthsAhead(7)} at time zone 'UTC'`
          const last = `(${monthsAhead(8)} at time zone 'UTC') - interval '1 microsecond'`
          for (const moment of [seventh, last, `${monthsAhead(9)} at time zone 'UTC'`]) {
            assert.strictEqual(yield* partitionAt(moment), "audit_log_default")
          }
          yield* Effect.replicateEffect(sql`select ensure_audit_partitions(7)`, 2)
          const month = yield* partitionAhead(7)
          const rows = yield* sql<{ partition: string | undefined; count: number }>`
            select tableoid::regclass::text as partition, count(*)::int as count from audit_log
            where created_at >= ${sql.literal(monthsAhead(7))} at time zone 'UTC'
              and created_at < ${sql.literal(monthsAhead(10))} at time zone 'UTC' group by 1`
          assert.sameDeepMembers(
            [...rows],
            [
              { partition: month, count: 2 },
              { partition: "audit_log_default", count: 1 }
            ]
          )
          // The partition has every index of the log.
          const indexes = (table: string | undefined) =>
            sql`select count(*)::int as count from pg_index where indrelid = to_regclass(${table ?? ""})`
          assert.deepStrictEqual(yield* indexes(month), yield* indexes("audit_log"))
        })
      )

      it.effect("every foreign key has an index", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const unindexed = yield* sql`
            select c.conrelid::regclass::text as table, c.conname as name from pg_constraint c
            where c.contype = 'f' and not exists (
              select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])`
          assert.deepStrictEqual(unindexed, [])
        })
      )

      it.effect("e-mail addresses and usernames are unique regardless of case", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const insert = (email: string, username: string) => sql`
            insert into users (id, email, username, password_hash, created_at, updated_at)
            values (${randomUUID()}, ${email}, ${username}, '', now(), now())`
          const [a, b, c] = Array.makeBy(3, () => randomUUID())
          yield* insert(`${a}@example.org`, `${a}`)
          const violated = yield* Effect.forEach(
            [insert(`${a}@EXAMPLE.org`, `${b}`), insert(`${c}@example.org`, `${a}`.toUpperCase())],
            (statement) => Effect.map(Effect.flip(statement), ({ reason }) => reason)
          )
          assert.deepStrictEqual(
            violated.map((reason) => reason._tag === "UniqueViolation" && reason.constraint),
            ["users_email_key", "users_username_key"]
          )
        })
      )
    })
  })
