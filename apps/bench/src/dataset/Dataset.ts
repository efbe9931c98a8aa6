import process from "node:process"
import type { Client } from "pg"
import { auditColumns, auditRows } from "./AuditEntries.ts"
import { copy, type CopyRows, type CopyValue } from "./Copy.ts"
import { deliveries } from "./Deliveries.ts"
import { outboxEvents } from "./OutboxEvents.ts"
import { people, type Person, timesOf } from "./People.ts"
import { pushTokens } from "./PushTokens.ts"
import * as Randomness from "./Randomness.ts"

/** The size of a data set. */
export interface DatasetSize {
  readonly users: number
  readonly audit: number
  readonly pushTokens: number
  readonly outbox: number
  readonly deliveries: number
  /** Over how many months, up to now, registrations, push tokens and audit entries are spread. */
  readonly months: number
}

/** A table that was filled. */
export interface LoadedTable {
  readonly table: string
  readonly rows: number
  readonly seconds: number
}

// Nobody can log in with it. It has the scheme and the cost of production.
const passwordHash = `bcrypt_sha256$$2b$12$${"x".repeat(53)}`

const iso = (millis: number): string => new Date(millis).toISOString()

const rowsOf = function* (
  persons: ReadonlyArray<Person>,
  row: (person: Person) => ReadonlyArray<CopyValue> | undefined
) {
  for (const person of persons) {
    const values = row(person)
    if (values !== undefined) yield values
  }
}

// In an order in which each row finds those that it refers to.
const tablesOf = (random: Randomness.Randomness, persons: ReadonlyArray<Person>, size: DatasetSize, now: number) =>
  [
    {
      table: "users",
      columns: [
        ..."id email email_canonical username password_hash phone_number role is_staff is_active is_verified".split(
          " "
        ),
        ..."created_at updated_at last_login_at".split(" ")
      ],
      rows: rowsOf(persons, (user) => [
        user.id,
        user.email,
        user.email,
        user.username,
        passwordHash,
        user.phoneNumber,
        user.role,
        user.role === "admin",
        user.isActive,
        user.isVerified,
        iso(user.createdAt),
        iso(user.createdAt),
        user.lastLoginAt === null ? null : iso(user.lastLoginAt)
      ])
    },
    {
      table: "profiles",
      columns: ["user_id", "id", "first_name", "last_name", "created_at", "updated_at"],
      rows: rowsOf(persons, ({ createdAt, firstName, id, lastName }) => [
        id,
        random.uuid(createdAt),
        firstName,
        lastName,
        iso(createdAt),
        iso(createdAt)
      ])
    },
    {
      table: "notification_preferences",
      columns: ["user_id", "id", "created_at", "updated_at"],
      rows: rowsOf(persons, ({ createdAt, id }) => [id, random.uuid(createdAt), iso(createdAt), iso(createdAt)])
    },
    {
      table: "suppressions",
      columns: ["user_id", "email", "reason", "created_at"],
      rows: rowsOf(persons, ({ createdAt, email, id, isSuppressed }) =>
        isSuppressed ? [id, email, random.chance(0.8) ? "hard_bounce" : "complaint", iso(createdAt)] : undefined
      )
    },
    {
      table: "audit_log",
      columns: auditColumns,
      rows: auditRows(random, size.audit, persons, timesOf(now, size.months))
    },
    pushTokens(random, size.pushTokens, persons, timesOf(now, size.months)),
    outboxEvents(random, size.outbox, persons, now),
    deliveries(random, size.deliveries, persons, now)
  ] satisfies ReadonlyArray<CopyRows>

// The service itself creates only the partitions of this month and the next ones.
const createPartitions = async (client: Client, from: number) => {
  await client.query(
    `do $$
    declare
      first_day date := date_trunc('month', timestamptz '${iso(from)}' at time zone 'UTC');
      name text;
    begin
      while first_day < (now() at time zone 'UTC')::date loop
        name := 'audit_log_' || to_char(first_day, 'YYYY_MM');
        if to_regclass(name) is null then
          execute format('create table %I partition of audit_log for values from (%L) to (%L)', name,
            first_day::timestamp at time zone 'UTC', (first_day + interval '1 month')::timestamp at time zone 'UTC');
        end if;
        first_day := first_day + interval '1 month';
      end loop;
    end
    $$`
  )
}

const reportEvery = 500_000

const progressOf = (table: string) => {
  let reported = 0
  return (rows: number) => {
    if (rows < reported + reportEvery) return
    reported = rows
    process.stderr.write(`${table}: ${rows.toLocaleString("en")} rows\n`)
  }
}

/**
 * Fills an empty, migrated database with COPY, with all indexes and constraints in place, and updates the statistics of the planner.
 * The rows depend only on the sizes and the time.
 */
export const load = async (client: Client, size: DatasetSize): Promise<ReadonlyArray<LoadedTable>> => {
  const now = Date.now()
  const times = timesOf(now, size.months)
  const random = Randomness.make(1)
  const loaded: Array<LoadedTable> = []
  const timed = async (table: string, run: () => Promise<number>) => {
    const started = performance.now()
    const rows = await run()
    loaded.push({ table, rows, seconds: (performance.now() - started) / 1000 })
  }
  await createPartitions(client, times.from)
  const persons = [...people(random, size.users, times)]
  for (const rows of tablesOf(random, persons, size, now)) {
    await timed(rows.table, () => copy(client, rows, progressOf(rows.table)))
  }
  await timed("vacuum analyze", async () => {
    await client.query("vacuum analyze")
    return 0
  })
  return loaded
}
