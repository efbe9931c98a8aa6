import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import { consume, type ReceivedEvent } from "@user-service/broker/examples/event-consumer"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { userEvents } from "@user-service/broker/Topology"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const definitions = join(root, "infra/rabbitmq/ordered-consumption.json")
const queues = [1, 2, 3, 4].map((number) => `user_events.by_user.${number}`)

// So many that each queue has some of them.
const userCount = 40
const changesOfEach = 15

interface Handled {
  readonly id: string
  readonly queue: string
  readonly body: {
    readonly event_type: string
    readonly user_id?: string
    readonly preferences?: { readonly frequency_limit: number }
  }
}

/** The events that a consumer printed. A process that was killed may have printed a part of the last line. */
const handledBy = (consumer: Program.Program): ReadonlyArray<Handled> =>
  consumer
    .stdout()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line))

/** The first delivery of each event. */
const withoutDuplicates = (events: ReadonlyArray<Handled>): ReadonlyArray<Handled> =>
  [...new Map(events.toReversed().map((event) => [event.id, event])).values()].toReversed()

/** Publishes events about one user. */
const publishAll = (url: string, bodies: ReadonlyArray<object>) =>
  Effect.flatMap(Broker, (broker) =>
    broker.publishAll(
      bodies.map((body, index) => ({
        exchange: userEvents.name,
        routingKey: "user.updated",
        messageId: String(index),
        body: new TextEncoder().encode(JSON.stringify(body)),
        persistent: true,
        mandatory: true,
        headers: { "cloudEvents:subject": "a user" }
      }))
    )
  ).pipe(
    Effect.provide(
      Broker.layerRabbitMq({ topology: { exchanges: [], queues: [] } }).pipe(
        Layer.provide(RabbitMq.layer({ url: Redacted.make(url) }))
      )
    )
  )

describe.skipIf(!Engines.areAvailable || !RabbitMqServer.isInstalled)(
  "consumers of user events that share the work",
  () => {
    it.live(
      "keep the order of each user's events and lose none, while two of them are killed",
      () =>
        Effect.gen(function* () {
          const rabbitmq = yield* RabbitMqServer.makeWithPlugins(["rabbitmq_consistent_hash_exchange"])
          yield* rabbitmq.start
          yield* rabbitmq.control("import_definitions", definitions)
          const environment = { ...(yield* Engines.database), ...(yield* Engines.redis), RABBITMQ_URL: rabbitmq.url }
          const program = yield* Program.start({ ...environment, RATE_LIMIT_REGISTER: "off", RATE_LIMIT_WRITE: "off" })
          const send = sender(program.url)
          const expect = expectAnswer(send)

          const startConsumer = (...args: ReadonlyArray<string>) =>
            Program.launch(
              { RABBITMQ_URL: rabbitmq.url },
              { script: join(root, "packages/broker/examples/event-consumer.ts"), args }
            )
          const consumersOfEachQueue = (count: number) =>
            waitUntil(
              `${count} consumers have subscribed`,
              Effect.map(rabbitmq.control("list_queues", "--no-table-headers", "name", "consumers"), (lines) =>
                queues.every((queue) => new RegExp(`^${queue}\\t${count}$`, "m").test(lines))
              )
            )
          const first = yield* startConsumer(...queues)
          const second = yield* startConsumer(...queues.toReversed())
          yield* consumersOfEachQueue(2)

          const people = yield* Effect.replicateEffect(register(send), userCount)
          const change = ({ access }: { readonly access: string }, limit: number) =>
            expect(200, undefined, "PATCH", "/api/v1/users/preferences/", {
              token: access,
              body: { frequency_limit: limit }
            })
          const changing = yield* Effect.forkChild(
            Effect.forEach(
              people,
              (person) =>
                Effect.forEach(Array.from({ length: changesOfEach }), (_, index) => change(person, index + 1)),
              { concurrency: "unbounded", discard: true }
            )
          )
          const handled = (consumer: Program.Program, count: number) =>
            waitUntil(
              `A consumer has handled ${count} events`,
              Effect.sync(() => handledBy(consumer).length >= count)
            )
          yield* handled(first, 20)
          yield* handled(second, 20)
          yield* first.kill
          const handledBefore = handledBy(second).length
          yield* handled(second, handledBefore + 50)
          const third = yield* startConsumer(...queues)
          yield* second.kill
          yield* Effect.raceFirst(
            waitUntil(
              "All changes are handled",
              Effect.sync(
                () =>
                  withoutDuplicates([first, second, third].flatMap(handledBy)).filter(
                    ({ body }) => body.event_type === "preferences_updated"
                  ).length >=
                  userCount * changesOfEach
              )
            ),
            Effect.flatMap(third.ended, ({ stderr }) => Effect.die(`The consumer ended: ${stderr}`))
          )

          const events = withoutDuplicates([first, second, third].flatMap(handledBy))
          const limits = Array.from({ length: changesOfEach }, (_, index) => index + 1)
          for (const { id } of people) {
            const own = events.filter(({ body }) => body.user_id === id)
            assert.strictEqual(own[0]?.body.event_type, "user_registered")
            assert.deepStrictEqual(
              own.flatMap(({ body }) => body.preferences?.frequency_limit ?? []),
              limits
            )
            assert.strictEqual(new Set(own.map(({ queue }) => queue)).size, 1)
          }
          assert.sameMembers([...new Set(events.map(({ queue }) => queue))], queues)
          yield* Fiber.join(changing)
        }),
      240_000
    )

    it.live(
      "deliver an event again until it is handled, before later ones",
      () =>
        Effect.gen(function* () {
          const rabbitmq = yield* RabbitMqServer.makeWithPlugins(["rabbitmq_consistent_hash_exchange"])
          yield* rabbitmq.start
          yield* rabbitmq.control("import_definitions", definitions)
          const bodies = ["first", "second"].map((event_type) => ({ event_type }))
          yield* publishAll(rabbitmq.url, bodies)
          const handled: Array<string> = []
          let failures = 30
          const handle = ({ body }: ReceivedEvent) =>
            Effect.suspend(() => {
              if (failures-- > 0) return Effect.fail("not yet" as const)
              handled.push(body.event_type)
              return Effect.void
            })
          const consumeOne = (queue: string) =>
            Effect.retry(consume(rabbitmq.url, [queue], handle), { while: (error) => error === "not yet" })
          yield* Effect.forkScoped(Effect.forEach(queues, consumeOne, { concurrency: "unbounded" }))
          yield* waitUntil(
            "Both events are handled",
            Effect.sync(() => handled.length >= 2)
          )
          assert.deepStrictEqual(handled, ["first", "second"])
        }).pipe(Effect.scoped),
      120_000
    )
  }
)
