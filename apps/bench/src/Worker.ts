import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import { Effect } from "effect"
import { join } from "node:path"
import { Client } from "pg"
import { Bench } from "./Bench.ts"
import * as Messages from "./load/Messages.ts"
import * as Processes from "./Processes.ts"

const script = join(import.meta.dirname, "../../worker/bundle/main.js")

/** A worker on the service's database and a RabbitMQ, with somebody else on the database. */
export const startOn = Effect.fnUntraced(function* (rabbitmqUrl: string) {
  const { databaseUrl, environment } = yield* Bench
  const database = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ connectionString: databaseUrl })
      await client.connect()
      return client
    }),
    (client) => Effect.promise(() => client.end())
  )
  const { pid } = yield* Processes.start({
    what: "The worker",
    script,
    environment: { ...environment, RABBITMQ_URL: rabbitmqUrl },
    readyPath: "/health/ready"
  })
  return { database, pid }
})

/** A worker on a virtual host of its own, with somebody else on that too. */
export const start = Effect.gen(function* () {
  const { rabbitmqUrl } = yield* Bench
  const url = yield* TestRabbitMq.freshVirtualHost(rabbitmqUrl)
  const peer = yield* Messages.open(url)
  return { peer, ...(yield* startOn(url)) }
})

/** Finds a row once all events are out. */
export const noneWaits =
  "select 1 where not exists (select 1 from outbox where published_at is null and set_aside_at is null)"

/** Whether the statement finds a row. */
export const isFound = async (database: Client, statement: string, values: ReadonlyArray<string> = []) => {
  const { rowCount } = await database.query(statement, [...values])
  return rowCount !== null && rowCount > 0
}

/** Asks until the statement finds a row, twenty times a second. */
export const untilFound = async (database: Client, statement: string, values: ReadonlyArray<string> = []) => {
  while (!(await isFound(database, statement, values))) await new Promise((resolve) => setTimeout(resolve, 50))
}
