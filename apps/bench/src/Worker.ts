import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import { Effect } from "effect"
import { join } from "node:path"
import type { Client } from "pg"
import { Bench, connect } from "./Bench.ts"
import * as Messages from "./load/Messages.ts"
import * as Processes from "./Processes.ts"

const script = join(import.meta.dirname, "../../worker/bundle/main.js")

/** Starts a worker on the database of the service and the given RabbitMQ, and opens a connection to the database. */
export const startOn = Effect.fnUntraced(function* (rabbitmqUrl: string) {
  const { databaseUrl, environment } = yield* Bench
  const database = yield* connect(databaseUrl)
  const { pid } = yield* Processes.start({
    what: "The worker",
    script,
    environment: { ...environment, RABBITMQ_URL: rabbitmqUrl },
    readyPath: "/health/ready"
  })
  return { database, pid }
})

/** Starts a worker on a new virtual host, and connects to that and to the database. */
export const start = Effect.gen(function* () {
  const { rabbitmqUrl } = yield* Bench
  const url = yield* TestRabbitMq.freshVirtualHost(rabbitmqUrl)
  const peer = yield* Messages.open(url)
  return { peer, ...(yield* startOn(url)) }
})

/** A statement that returns a row if no event waits in the outbox. */
export const outboxEmpty =
  "select 1 where not exists (select 1 from outbox where published_at is null and set_aside_at is null)"

/** Whether the statement returns a row. */
export const returnsRow = async (database: Client, statement: string, values: ReadonlyArray<string> = []) => {
  const { rowCount } = await database.query(statement, [...values])
  return rowCount !== null && rowCount > 0
}

/** Repeats the statement, twenty times a second, until it returns a row. */
export const waitForRow = async (database: Client, statement: string, values: ReadonlyArray<string> = []) => {
  while (!(await returnsRow(database, statement, values))) await new Promise((resolve) => setTimeout(resolve, 50))
}
