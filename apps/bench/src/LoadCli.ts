import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { connect } from "./Bench.ts"
import { load } from "./dataset/Dataset.ts"
import { assertLoopback } from "./load/Loopback.ts"

const count = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))), Flag.withDescription(description))

const flags = {
  databaseUrl: Flag.String("database-url").pipe(
    Flag.withDescription("A migrated database without users, on a PostgreSQL server on this machine")
  ),
  users: count("users", "The number of users").pipe(Flag.withDefault(1_000_000)),
  audit: count("audit", "The number of entries of the audit log").pipe(Flag.withDefault(10_000_000)),
  months: count("months", "The months over which registrations and entries are spread").pipe(Flag.withDefault(24))
}

/** Fills a database, and prints how long each table took. */
export const loadCommand = Command.make(
  "load",
  flags,
  Effect.fnUntraced(function* ({ databaseUrl, ...size }) {
    assertLoopback(new URL(databaseUrl))
    const client = yield* connect(databaseUrl)
    for (const { rows, seconds, table } of yield* Effect.promise(() => load(client, size))) {
      yield* Console.log(`${table}\t${rows.toLocaleString("en")} rows\t${seconds.toFixed(1)} s`)
    }
  }, Effect.scoped)
)
