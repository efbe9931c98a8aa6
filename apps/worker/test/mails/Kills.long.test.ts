import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import type { UserId } from "@user-service/domain/User"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { Cache } from "@user-service/cache/Cache"
import { Array, DateTime, Effect, Fiber, Layer, Random, Redacted } from "effect"
import * as Engines from "../Engines.ts"
import * as Program from "../Program.ts"
import { layerChanges, newUser, waitUntil } from "../TestWork.ts"
import { listenForMails, mailRows, noticeFor, resetFor, send, topologyWith } from "./ReceivedMails.ts"

const userCount = 50
const mailsPerRound = userCount * 5 * 2

/** The services by which the test sends mails and receives them. */
const layerOf = (database: string, rabbitmqUrl: string) =>
  Layer.fresh(
    Layer.mergeAll(
      layerChanges,
      Layer.effectDiscard(Migrations.run),
      Broker.layerRabbitMq({ topology: topologyWith("password_reset", "email_changed") }).pipe(
        Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmqUrl) }))
      )
    ).pipe(Layer.provideMerge([Postgres.layer(TestDatabase.settingsOf(database, 6)), Cache.layerMemory]))
  )

/** Sends each user five times two mails. */
const sendRound = Effect.fnUntraced(function* (users: ReadonlyArray<UserId>) {
  const expiresAt = DateTime.add(yield* DateTime.now, { hours: 1 })
  yield* Effect.forEach(
    users.flatMap((user) => Array.replicate(user, 5)),
    (user) => send(user, resetFor(user, "token", expiresAt), noticeFor(user)),
    { concurrency: 4, discard: true }
  )
})

const finishedMails = Effect.map(mailRows, (rows) => rows.filter(({ finished }) => finished).length)

describe.skipIf(!Engines.areAvailable)(
  `workers that are killed while they publish mails (skipped where ${Engines.skipReason})`,
  { timeout: 180_000 },
  () => {
    it.live(
      "no mail is lost and no content stays stored when RabbitMQ and three workers are killed during publications",
      () =>
        Effect.gen(function* () {
          const { database, environment, rabbitmq } = yield* Engines.start
          yield* Effect.gen(function* () {
            const received = yield* listenForMails
            const users = yield* Effect.replicateEffect(newUser, userCount)
            /** Waits until some more mails are published. */
            const progress = Effect.gen(function* () {
              const before = yield* finishedMails
              const more = yield* Random.nextIntBetween(1, 100)
              yield* waitUntil(Effect.map(finishedMails, (count) => count > before + more))
            })

            for (const _ of [1, 2, 3]) {
              const worker = yield* Program.start(environment)
              yield* worker.ready
              const working = yield* Effect.forkChild(sendRound(users))
              yield* progress
              yield* worker.signal("SIGKILL")
              yield* worker.ended
              yield* Fiber.join(working)
            }

            const last = yield* Program.start(environment)
            yield* last.ready
            const working = yield* Effect.forkChild(sendRound(users))
            yield* progress
            yield* rabbitmq.kill
            yield* Fiber.join(working)
            yield* rabbitmq.start
            yield* waitUntil(Effect.map(finishedMails, (count) => count === 4 * mailsPerRound))
            yield* waitUntil(Effect.sync(() => new Set(received.map(({ id }) => id)).size >= 4 * mailsPerRound))
            const rows = yield* mailRows
            assert.sameMembers(
              [...new Set(received.map(({ id }) => id))],
              rows.map(({ id }) => id)
            )
            for (const { payload } of rows) assert.isNull(payload)
            yield* last.signal("SIGTERM")
            assert.deepInclude(yield* last.ended, { code: 0, stderr: "" })
          }).pipe(Effect.provide(layerOf(database, rabbitmq.url)))
        })
    )
  }
)
