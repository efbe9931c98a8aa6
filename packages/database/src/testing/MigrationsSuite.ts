import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as Migrations from "../Migrations.ts"

/** The partition that an audit entry of this moment, an expression in SQL, comes to lie in. */
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

/** The name of the partition for the month that is so many ahead of the server's. */
const partitionAhead = (months: number) =>
  Effect.map(
    SqlClient.SqlClient.use(
      (sql) => sql<{ name: string }>`
        select 'audit_log_' || to_char(${sql.literal(monthsAhead(months))}, 'YYYY_MM') as name`
    ),
    (rows) => rows[0]?.name
  )

/** What a migrated database promises, on any engine. */
export const suite = <E>(name: string, migrated: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(migrated, { excludeTestServices: true })((it) => {
      it.effect("each migration is on record, once and in order, and to run them again does nothing", () =>
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

      it.effect("an audit entry of now lies in the month it is of, and so does one of the two months to come", () =>
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

      it.effect("an audit entry far from now lies where those without a month do", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* partitionAt("timestamptz '2001-02-03'"), "audit_log_default")
          assert.strictEqual(yield* partitionAt("now() + interval '50 years'"), "audit_log_default")
        })
      )

      it.effect("months are made ahead of time, and made again without harm", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* Effect.replicateEffect(sql`select ensure_audit_partitions(5)`, 2)
          const fifth = `${monthsAhead(5)} at time zone 'UTC'`
          assert.strictEqual(yield* partitionAt(fifth), yield* partitionAhead(5))
        })
      )

      it.effect("a month that comes late takes over what was written before it, and only that", () =>
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
          // An index of its own for each of the log's, so that the month is looked up in as the others are.
          const indexes = (table: string | undefined) =>
            sql`select count(*)::int as count from pg_index where indrelid = to_regclass(${table ?? ""})`
          assert.deepStrictEqual(yield* indexes(month), yield* indexes("audit_log"))
        })
      )

      it.effect("every reference to another table can be looked up from there", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const unindexed = yield* sql`
            select c.conrelid::regclass::text as table, c.conname as name from pg_constraint c
            where c.contype = 'f' and not exists (
              select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])`
          assert.deepStrictEqual(unindexed, [])
        })
      )

      it.effect("no two users have the same e-mail or username, whatever the case", () =>
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
