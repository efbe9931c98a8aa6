import { Console, Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { connect } from "./Bench.ts"
import { load } from "./dataset/Dataset.ts"
import { assertLoopback } from "./load/Loopback.ts"

const count = (name: string, description: string, minimum = 0) =>
  Flag.Int(name).pipe(
    Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(minimum))),
    Flag.withDescription(description)
  )

const flags = {
  databaseUrl: Flag.String("database-url").pipe(
    Flag.withDescription("A migrated database without users, on a PostgreSQL server on this machine")
  ),
  users: count("users", "The number of users", 1).pipe(Flag.withDefault(1_000_000)),
  audit: count("audit", "The number of entries of the audit log").pipe(Flag.withDefault(10_000_000)),
  pushTokens: count("push-tokens", "The number of push tokens").pipe(Flag.withDefault(2_000_000)),
  outbox: count("outbox", "The number of published events in the outbox").pipe(Flag.withDefault(10_000_000)),
  deliveries: count("deliveries", "The number of finished deliveries").pipe(Flag.withDefault(10_000_000)),
  months: count("months", "The months over which registrations, push tokens and entries are spread", 1).pipe(
    Flag.withDefault(24)
  )
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
