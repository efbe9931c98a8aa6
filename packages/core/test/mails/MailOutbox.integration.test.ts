import { assert, describe, it } from "@effect/vitest"
import { MailOutbox, type OutgoingMail } from "@user-service/core/mails/MailOutbox"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Deferred, Effect, Fiber } from "effect"
import { inject } from "vitest"
import { newUser } from "../outbox/OutboxSuite.ts"
import { layerOver, noticeFor, send, suite } from "./MailOutboxSuite.ts"

const databaseUrl = inject("databaseUrl")
const confirmAll = (mails: ReadonlyArray<OutgoingMail>) => Effect.succeed(mails.map(({ id }) => id))

describe.skipIf(databaseUrl === "")("on PostgreSQL", () => {
  const database = TestDatabase.layerPostgres(databaseUrl)
  suite("MailOutbox", database)

  describe("several concurrent relays of mails", () => {
    it.layer(layerOver(database), { excludeTestServices: true })((it) => {
      it.effect(
        "mails that one relay is publishing are neither seen nor awaited by another, and an interrupted relay leaves them unchanged",
        () =>
          Effect.gen(function* () {
            const { relay } = yield* MailOutbox
            const [first, second] = [yield* newUser, yield* newUser]
            yield* send(first, noticeFor(first))
            const inHand = yield* Deferred.make<void>()
            const publishing = yield* Effect.forkChild(
              relay(10, () => Effect.andThen(Deferred.succeed(inHand, undefined), Effect.never))
            )
            yield* Deferred.await(inHand)
            assert.deepStrictEqual(yield* relay(10, confirmAll), { taken: 0, left: 0 })
            yield* send(second, noticeFor(second))
            assert.deepStrictEqual(yield* relay(10, confirmAll), { taken: 1, left: 0 })
            yield* Fiber.interrupt(publishing)
            assert.deepStrictEqual(yield* relay(10, confirmAll), { taken: 1, left: 0 })
          })
      )
    })
  })
})
