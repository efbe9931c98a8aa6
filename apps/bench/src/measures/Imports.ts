import { djangoTables, djangoUsers } from "@user-service/database/testing/DjangoTables"
import { Duration, Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import type { Client } from "pg"
import { Bench, connect, freshDatabase, temporaryFolder } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import * as Processes from "../Processes.ts"

const users = 200_000

const passwordHash = `pbkdf2_sha256$260000$c2FsdHNhbHQ$${"A".repeat(43)}=`

// In an order in which each row finds those that it refers to.
const tables = ["users", "user_profiles", "notification_preferences", "push_tokens"]

const program = join(import.meta.dirname, "../../../../infra/run.mjs")

const execute = (client: Client, statements: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    for (const statement of statements) await client.query(statement)
  })

// Runs a command of an operator.
const cli = (databaseUrl: string, dataDir: string, args: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [program, "cli", ...args], {
      stdio: ["ignore", "ignore", "inherit"],
      env: Processes.environmentOf({ DATABASE_URL: databaseUrl, DATA_DIR: dataDir })
    })
    const [code] = await once(child, "exit")
    if (code !== 0) throw new Error(`cli ${args.join(" ")} ended with ${code}`)
  })

const usersPerSecond = <R>(run: Effect.Effect<void, never, R>) =>
  Effect.map(Effect.timed(run), ([elapsed]) => users / Duration.toSeconds(elapsed))

/** P17. Each run is into an empty database. */
export const imports = Effect.gen(function* () {
  const { databaseUrl, rounds } = yield* Bench
  const dataDir = yield* temporaryFolder
  const from = yield* freshDatabase(databaseUrl)
  const source = yield* connect(from)
  yield* execute(source, [...djangoTables, ...djangoUsers(users, passwordHash)])
  // PostgreSQL itself writes and reads the files of COPY.
  yield* Effect.promise(() => chmod(dataDir, 0o777))
  const fileOf = (table: string) => `'${join(dataDir, table)}'`
  yield* execute(
    source,
    tables.map((table) => `copy ${table} to ${fileOf(table)}`)
  )

  const imported = Effect.gen(function* () {
    const to = yield* freshDatabase(databaseUrl)
    yield* cli(to, dataDir, ["migrate"])
    return yield* usersPerSecond(cli(to, dataDir, ["import-django", "--from", from]))
  }).pipe(Effect.scoped)

  const copied = Effect.gen(function* () {
    const client = yield* connect(yield* freshDatabase(databaseUrl))
    yield* execute(client, djangoTables)
    const copies = tables.map((table) => `copy ${table} from ${fileOf(table)}`)
    return yield* usersPerSecond(execute(client, copies))
  }).pipe(Effect.scoped)

  return [
    {
      id: "P17",
      measure: `import of ${users} users of the Django service, over bare COPY of the same rows`,
      unit: "users a second",
      goal: { must: 0.1, aim: 0.3, better: "higher" },
      ...(yield* compare(rounds, imported, copied))
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
