import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { freshVirtualHost } from "@user-service/broker/testing/TestRabbitMq"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as Worker from "@user-service/worker/Worker"
import { DateTime, Effect, Layer, Redacted } from "effect"
import { inject } from "vitest"
import { listen, topology } from "../outbox/ReceivedEvents.ts"
import { layerChanges, layerEngines, layerSettings, newUser, rename, waitUntil } from "../TestWork.ts"
import { suite } from "./MailRelaySuite.ts"
import { listenForMails, mailRows, noticeFor, resetFor, send, topologyWith, waitingMails } from "./ReceivedMails.ts"

const databaseUrl = inject("databaseUrl")
const rabbitmqUrl = inject("rabbitmqUrl")

describe.skipIf(databaseUrl === "")("with PostgreSQL", () => {
  suite("the relay of mails", TestDatabase.layerPostgres(databaseUrl), 3)

  describe.skipIf(rabbitmqUrl === "")("and RabbitMQ", () => {
    it.layer(layerChanges.pipe(Layer.provideMerge(layerEngines(TestDatabase.layerPostgres(databaseUrl)))), {
      excludeTestServices: true
    })((it) => {
      it.effect("mails without a queue delay no event, and are published when a queue is bound", () =>
        Effect.gen(function* () {
          const rabbitmq = RabbitMq.layer({ url: Redacted.make(yield* freshVirtualHost(rabbitmqUrl)) })
          /** A broker of other programs, which declares their queues. */
          const others = (declared: typeof topology) =>
            Layer.build(Layer.fresh(Broker.layerRabbitMq({ topology: declared }).pipe(Layer.provide(rabbitmq))))
          const events = yield* Effect.provide(listen(), yield* others(topology))
          yield* Layer.build(
            Worker.layer.pipe(
              Layer.provide([layerSettings, Broker.layerRabbitMq(Worker.brokerSettings).pipe(Layer.provide(rabbitmq))])
            )
          )
          const user = yield* newUser
          const expiresAt = DateTime.add(yield* DateTime.now, { hours: 1 })
          yield* send(user, resetFor(user, "token", expiresAt), noticeFor(user))
          yield* waitUntil(Effect.map(mailRows, (rows) => rows.every(({ attempts }) => attempts > 0)))
          yield* rename(user, "1")
          yield* waitUntil(Effect.sync(() => events.length === 1))
          assert.strictEqual(yield* waitingMails, 2)

          const mails = yield* Effect.provide(
            listenForMails,
            yield* others(topologyWith("password_reset", "email_changed"))
          )
          yield* waitUntil(Effect.map(waitingMails, (count) => count === 0))
          yield* waitUntil(Effect.sync(() => mails.length === 2))
          const rows = yield* mailRows
          assert.sameMembers(
            mails.map(({ id, routingKey }) => `${routingKey} ${id}`),
            rows.map(
              ({ id, mailType }) => `${mailType === "PasswordResetMail" ? "password_reset" : "email_changed"} ${id}`
            )
          )
          for (const { payload } of rows) assert.isNull(payload)
          assert.include(
            mails.map(({ body }) => body["token"]),
            "token"
          )
        })
      )
    })
  })
})
