import { NodeRuntime } from "@effect/platform-node"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as NewestPostgres from "./NewestPostgres.ts"

/**
 * Starts the newest PostgreSQL, runs the command of the arguments with its address as that of the tests' PostgreSQL, and stops the
 * server. Tests that start a PostgreSQL of their own take the same programs. Exits as the command does.
 */
const main = Effect.gen(function* () {
  const [command = "vitest", ...parameters] = process.argv.slice(2)
  const programs = yield* NewestPostgres.programs
  const server = yield* PostgresServer.make({ programs })
  yield* server.start
  const env = { ...process.env, TEST_DATABASE_URL: server.url, TEST_POSTGRES_PROGRAMS: programs }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(command, parameters, { env, stdio: "inherit" })),
    (child) => Effect.sync(() => void child.kill())
  )
  const [code] = yield* Effect.promise(() => once(child, "exit"))
  process.exitCode = typeof code === "number" ? code : 1
}).pipe(Effect.scoped)

NodeRuntime.runMain(main)
