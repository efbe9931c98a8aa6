import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { consumer, textOf } from "@user-service/broker/testing/Fresh"
import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import { statusQueue, userService } from "@user-service/broker/Topology"
import * as Postgres from "@user-service/database/Postgres"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { inject } from "vitest"
import { cli, failure, folder, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")
const rabbitmqUrl = inject("rabbitmqUrl")

const id = (last: number) => `0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f0${last}`

/** A database with three dead letters and a broker, and a function that runs a command on them. */
const setUp = Effect.gen(function* () {
  const cwd = yield* folder
  const env = {
    DATABASE_URL: yield* freshDatabase(databaseUrl),
    RABBITMQ_URL: yield* TestRabbitMq.freshVirtualHost(rabbitmqUrl)
  }
  yield* cli(["migrate"], { cwd, env })
  const engines = Layer.merge(
    Postgres.layer(settingsOf(env.DATABASE_URL, 2)),
    Broker.layerRabbitMq({ topology: userService }).pipe(
      Layer.provide(RabbitMq.layer({ url: Redacted.make(env.RABBITMQ_URL) }))
    )
  )
  const context = yield* Layer.build(engines)
  const sql = Context.get(context, SqlClient.SqlClient)
  yield* sql`
    insert into dead_letters (id, digest, queue, reason, routing_key, message_id, content_type, headers, body, size,
      received_at)
    select id::uuid, sha256(id::bytea), queue, reason, 'notification.status.x', message_id, 'application/json',
      '{"x-reason": "r", "x-death": [], "x-first-death-queue": "q", "traceparent": "t"}', body::bytea, length(body) + cut,
      '2026-11-24T10:00:00Z'
    from (values
      (${id(1)}, ${statusQueue.name}, 'undecodable', ${"m-1\u001b[31m"}, '{"push_token":"secret-1"}', 0),
      (${id(2)}, ${statusQueue.name}, 'failed', 'm-2', 'secret-2', 0),
      (${id(3)}, 'no-such-queue', 'failed', null, 'secret-3', 0),
      (${id(4)}, ${statusQueue.name}, 'too_large', 'm-4', 'secret-4', 10)
    ) as letter (id, queue, reason, message_id, body, cut)`
  const left = Effect.map(sql<{ id: string }>`select id from dead_letters order by id`, (rows) =>
    rows.map((row) => row.id)
  )
  const run = (args: ReadonlyArray<string>, others: Readonly<Record<string, string>> = {}) =>
    cli(["dead-letters", ...args], { cwd, env: { ...env, ...others } })
  return { run, left, broker: Context.get(context, Broker) }
})

const said = (stdout: string) => ({ code: 0, stderr: "", stdout })

describe.skipIf(databaseUrl === "" || rabbitmqUrl === "")("dead-letters on PostgreSQL and RabbitMQ", patient, () => {
  it.live("are listed as a table, with their content only on request", () =>
    Effect.gen(function* () {
      const { run } = yield* setUp
      const all = yield* run(["list"])
      assert.deepStrictEqual(
        all,
        said(
          [
            `${id(1)}  2026-11-24T10:00:00.000Z  undecodable  25 bytes  ${statusQueue.name}  message m-1 [31m`,
            `${id(2)}  2026-11-24T10:00:00.000Z  failed  8 bytes  ${statusQueue.name}  message m-2`,
            `${id(3)}  2026-11-24T10:00:00.000Z  failed  8 bytes  no-such-queue  message without id`,
            `${id(4)}  2026-11-24T10:00:00.000Z  too_large  18 bytes, cut  ${statusQueue.name}  message m-4`,
            "4 dead letters of 4\n"
          ].join("\n")
        )
      )
      const { stdout } = yield* run(["list", "--reason", "failed", "--limit", "1", "--bodies"])
      assert.match(stdout, new RegExp(`^${id(2)} .*\n  secret-2\n1 dead letter of 4\n$`))
    })
  )

  it.live("are replayed unchanged to their queue and deleted; a second replay finds none", () =>
    Effect.gen(function* () {
      const { broker, left, run } = yield* setUp
      assert.deepStrictEqual(yield* run(["replay", id(1), id(2)]), said("2 dead letters replayed\n"))
      const { take } = yield* consumer(broker, statusQueue.name)
      const letters = yield* take(2)
      assert.deepStrictEqual(letters.map(textOf), [`{"push_token":"secret-1"}`, "secret-2"])
      assert.deepStrictEqual(
        [letters[1]?.message.headers, letters[1]?.message.messageId, letters[1]?.message.contentType],
        [{ traceparent: "t" }, "m-2", "application/json"]
      )
      assert.deepStrictEqual(yield* run(["replay", id(1), id(2)]), said("0 dead letters replayed\n"))
      assert.deepStrictEqual(yield* left, [id(3), id(4)])
      const outcome = yield* run(["replay", "--all"])
      assert.deepStrictEqual(outcome, {
        stdout: "",
        ...failure("0 dead letters replayed, 2 not: those stay, and can be replayed again or discarded")
      })
      assert.deepStrictEqual(yield* left, [id(3), id(4)])
    })
  )

  it.live("are deleted by a discard, and published nowhere", () =>
    Effect.gen(function* () {
      const { left, run } = yield* setUp
      assert.deepStrictEqual(
        yield* run(["discard", "--reason", "failed", "--limit", "1"]),
        said("1 dead letter discarded\n")
      )
      assert.deepStrictEqual(yield* left, [id(1), id(3), id(4)])
      assert.deepStrictEqual(yield* run(["discard", "--all"]), said("3 dead letters discarded\n"))
      assert.deepStrictEqual(yield* left, [])
    })
  )

  it.live("are not changed by a call without a selection, nor while the broker is unavailable", () =>
    Effect.gen(function* () {
      const { left, run } = yield* setUp
      for (const command of ["replay", "discard"]) {
        assert.deepStrictEqual(yield* run([command]), {
          stdout: "",
          ...failure("Name dead letters by their ids, by --reason, or all of them by --all")
        })
      }
      assert.deepStrictEqual(yield* run(["replay", "--all"], { RABBITMQ_URL: "" }), {
        stdout: "",
        ...failure("The configuration is not valid: RABBITMQ_URL: required, to publish to")
      })
      assert.deepStrictEqual(yield* run(["replay", "--all"], { RABBITMQ_URL: "amqp://127.0.0.1:1" }), {
        stdout: "",
        ...failure("The message broker is out of reach")
      })
      const wrong = yield* run(["discard", "seven"])
      assert.strictEqual(wrong.code, 1)
      assert.lengthOf(yield* left, 4)
    })
  )
})
