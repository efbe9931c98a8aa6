import * as Postgres from "@user-service/database/Postgres"
import { Storage } from "@user-service/database/Storage"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { Console, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"

// Prints the port of the server that executes each transaction with a write, for HostNames.integration.test.ts.
const [, , url = ""] = process.argv

const write = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const storage = yield* Storage
  const [row] = yield* storage.transaction(sql`insert into written values (1) returning inet_server_port() as port`)
  yield* Console.log(`port ${String(row?.["port"])}`)
})

await Effect.runPromise(
  write.pipe(
    // Those of the failover. The test waits for the writes that succeed.
    Effect.ignore,
    Effect.repeat(Schedule.spaced("50 millis")),
    Effect.provide(Storage.layer.pipe(Layer.provideMerge(Postgres.layer(settingsOf(url, 4)))))
  )
)
