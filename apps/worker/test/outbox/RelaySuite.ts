import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { BrokerUnavailable } from "@user-service/broker/BrokerUnavailable"
import type { Outcome } from "@user-service/broker/Message"
import { type Topology, userEvents } from "@user-service/broker/Topology"
import { UserLoggedIn } from "@user-service/domain/DomainEvent"
import * as Worker from "@user-service/worker/Worker"
import { Array, Deferred, Effect, Exit, Fiber, Layer, Ref, Scope } from "effect"
import { SqlClient } from "effect/sql"
import {
  waitUntil,
  layerChanges,
  layerEngines,
  layerSettings,
  newUser,
  rename,
  emit,
  waitingEvents
} from "../TestWork.ts"
import { allEvents, receivedNames, layerWithPublisher, listen, userOf, wholeTopology } from "./ReceivedEvents.ts"

const work = Worker.layer.pipe(Layer.provide(layerSettings))

/** The contract of the relay, over any database and with several workers. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>, most: number) => {
  /** Runs the test over a broker of its own, with the given number of workers. */
  const withBroker =
    (broker: Layer.Layer<Broker>, workers = 1) =>
    <A, F, R>(test: Effect.Effect<A, F, R>) => {
      const all = Array.makeBy(workers, () => Layer.fresh(work))
      return Effect.scoped(
        Effect.flatMap(Effect.andThen(empty, Layer.build(broker)), (context) =>
          Effect.provide(
            Effect.andThen(
              Effect.forEach(all, (one) => Layer.build(one), { discard: true }),
              test
            ),
            context
          )
        )
      )
    }
  // Removes the events of the previous test.
  const empty = SqlClient.SqlClient.use((sql) => sql`delete from outbox`)
  const memory = Broker.layerMemory({ topology: wholeTopology })

  describe(name, () => {
    it.layer(layerChanges.pipe(Layer.provideMerge(layerEngines(database))), { excludeTestServices: true })((it) => {
      it.effect("committed changes are published in each user's order, and once by several workers", () =>
        Effect.gen(function* () {
          const received = yield* listen()
          const users = yield* Effect.replicateEffect(newUser, 10)
          const names = Array.range(1, 8).map(String)
          yield* Effect.forEach(
            users,
            (user) => Effect.forEach(names, (name) => rename(user, name), { discard: true }),
            { concurrency: "unbounded", discard: true }
          )
          yield* waitUntil(Effect.map(waitingEvents, (count) => count === 0 && received.length >= 80))
          assert.strictEqual(received.length, 80)
          assert.deepStrictEqual(receivedNames(received), new Map(users.map((user) => [user, names])))
        }).pipe(withBroker(memory, most))
      )

      it.effect("while the broker is unavailable events wait, and are published when it is back", () => {
        let isAway = true
        const broker = layerWithPublisher(
          (publishAll) => (messages) =>
            isAway ? Effect.fail(new BrokerUnavailable({ reason: "away" })) : publishAll(messages)
        )
        return Effect.gen(function* () {
          const received = yield* listen()
          const user = yield* newUser
          for (const name of ["1", "2", "3"]) yield* rename(user, name)
          assert.deepStrictEqual([yield* waitingEvents, received.length], [3, 0])
          isAway = false
          yield* waitUntil(Effect.map(waitingEvents, (count) => count === 0))
          yield* waitUntil(Effect.sync(() => received.length === 3))
          assert.deepStrictEqual([...receivedNames(received)], [[user, ["1", "2", "3"]]])
        }).pipe(withBroker(broker))
      })

      it.effect("an unconfirmed event is published again under the same id", () => {
        let isLost = true
        const broker = layerWithPublisher(
          (publishAll) => (messages) =>
            Effect.map(publishAll(messages), (outcomes) => {
              const answers = isLost ? messages.map((): Outcome => "unconfirmed") : outcomes
              isLost = false
              return answers
            })
        )
        return Effect.gen(function* () {
          const received = yield* listen()
          const user = yield* newUser
          yield* rename(user, "1")
          yield* waitUntil(Effect.map(waitingEvents, (count) => count === 0))
          yield* waitUntil(Effect.sync(() => received.length === 2))
          assert.strictEqual(received[0]?.id, received[1]?.id)
          assert.deepStrictEqual(received[0], received[1])
        }).pipe(withBroker(broker))
      })

      it.effect("a refused event delays only later events of its user", () => {
        // The queue has no consumer.
        const full = {
          name: "full",
          bindings: [{ exchange: userEvents.name, pattern: "user.logged_in" }],
          deliveryLimit: 20
        }
        const narrow: Topology = { ...wholeTopology, queues: [...wholeTopology.queues, full] }
        return Effect.gen(function* () {
          const received = yield* listen(allEvents)
          const [a, b, c] = [yield* newUser, yield* newUser, yield* newUser]
          yield* emit(c, new UserLoggedIn({ userId: c }))
          yield* waitUntil(Effect.map(waitingEvents, (count) => count === 0))
          yield* emit(a, new UserLoggedIn({ userId: a }))
          for (const name of ["1", "2"]) {
            yield* rename(a, name)
            yield* rename(b, name)
          }
          yield* waitUntil(Effect.sync(() => received.filter((event) => userOf(event) === b).length === 2))
          yield* waitUntil(Effect.map(waitingEvents, (count) => count === 3))
          assert.deepStrictEqual(
            receivedNames(received),
            new Map([
              [b, ["1", "2"]],
              [c, ["user_logged_in"]]
            ])
          )
        }).pipe(withBroker(Broker.layerMemory({ topology: narrow, capacity: 1 })))
      })

      it.effect("a worker that stops completes its turn, and begins no other", () =>
        Effect.gen(function* () {
          yield* empty
          const publishing = yield* Deferred.make<void>()
          const goOn = yield* Deferred.make<void>()
          const batches = yield* Ref.make(0)
          const broker = layerWithPublisher(
            (publishAll) => (messages) =>
              Ref.update(batches, (count) => count + 1).pipe(
                Effect.andThen(Deferred.succeed(publishing, undefined)),
                Effect.andThen(Deferred.await(goOn)),
                Effect.andThen(publishAll(messages))
              )
          )
          const scope = yield* Scope.make()
          const context = yield* Layer.build(broker)
          yield* Layer.buildWithScope(Layer.fresh(work), scope).pipe(Effect.provide(context))
          const user = yield* newUser
          yield* rename(user, "1")
          yield* Deferred.await(publishing)
          yield* rename(user, "2")
          const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
          yield* Effect.yieldNow
          assert.strictEqual(yield* waitingEvents, 2)
          yield* Deferred.succeed(goOn, undefined)
          yield* Fiber.join(closing)
          assert.deepStrictEqual([yield* waitingEvents, yield* Ref.get(batches)], [1, 1])
        }).pipe(Effect.scoped)
      )
    })
  })
}
