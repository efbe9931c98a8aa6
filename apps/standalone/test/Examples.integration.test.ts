import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { notificationStatus } from "@user-service/broker/Topology"
import { UserId, UserServiceClient } from "@user-service/rpc-client"
import { Routes } from "@user-service/rpc-client/examples/gateway"
import { PushRefused, sendPush, Statuses, Transport } from "@user-service/rpc-client/examples/sender"
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const key = "examples-Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

const pushTokens = "/api/v1/users/push-tokens/"

/** Publishes statuses on the program's RabbitMQ, each until a queue is bound for it. */
const layerStatuses = (rabbitmqUrl: string) =>
  Layer.effect(
    Statuses,
    Effect.map(Broker, ({ publishAll }) => ({
      publish: (routingKey: string, body: object) =>
        waitUntil(
          `A queue takes ${routingKey}`,
          Effect.map(
            publishAll([
              {
                exchange: notificationStatus.name,
                routingKey,
                body: new TextEncoder().encode(JSON.stringify(body)),
                persistent: true,
                mandatory: true,
                headers: {}
              }
            ]),
            ([outcome]) => outcome === "confirmed"
          ).pipe(Effect.orDie)
        )
    }))
  ).pipe(
    Layer.provide(Broker.layerRabbitMq({ topology: { exchanges: [], queues: [] } })),
    Layer.provide(RabbitMq.layer({ url: Redacted.make(rabbitmqUrl) }))
  )

// As Firebase answers for the token of an app that was uninstalled.
const layerTransport = (removed: ReadonlySet<string>, sent: Array<string>) =>
  Layer.succeed(Transport, {
    send: ({ token }) =>
      removed.has(token)
        ? Effect.fail(new PushRefused({ code: "UNREGISTERED" }))
        : Effect.sync(() => void sent.push(String(token)))
  })

const layerGateway = HttpRouter.serve(Routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
)

describe.skipIf(!Engines.areAvailable)("the examples of the client", () => {
  it.live(
    "go full circle: who registers is let in, hears of an order, and is not sent to a device that is gone",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const program = yield* Program.start({ ...engines, SERVICE_API_KEYS: `examples:${key}` })
        const expect = expectAnswer(sender(program.url))
        const person = yield* register(sender(program.url))
        const [kept, removed] = [randomUUID(), randomUUID()]
        for (const token of [kept, removed]) {
          yield* expect(201, undefined, "POST", pushTokens, {
            token: person.access,
            body: { token, platform: "android" }
          })
        }
        const sent: Array<string> = []
        const context = yield* Layer.build(
          Layer.mergeAll(
            layerGateway,
            layerStatuses(engines.RABBITMQ_URL),
            layerTransport(new Set([removed]), sent)
          ).pipe(Layer.provideMerge(UserServiceClient.layerHttp({ url: program.url, apiKey: Redacted.make(key) })))
        )
        const gateway = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
        const me = (token: string) => sender(gateway)("GET", "/me", { token })
        const shown = yield* me(person.access)
        assert.strictEqual(shown.status, 200)
        assert.deepStrictEqual(shown.body.devices, ["android", "android"])
        assert.strictEqual((yield* me("no token")).status, 401)

        const userId = UserId.make(person.id)
        const send = (order: string) => Effect.provideContext(sendPush(order, [userId], "It is on its way"), context)
        assert.deepStrictEqual(yield* send("order-1"), [{ userId, outcome: "sent" }])
        assert.deepStrictEqual(sent, [kept])

        const { resolveDelivery } = Context.get(context, UserServiceClient)
        yield* waitUntil(
          "The token that is gone is left out",
          Effect.map(
            resolveDelivery({ user_id: userId, channel: "push", category: "security" }),
            ({ push_tokens }) => push_tokens.length === 1 && push_tokens[0]?.token === kept
          )
        )
        assert.deepStrictEqual(yield* send("order-2"), [{ userId, outcome: "sent" }])
        assert.deepStrictEqual(sent, [kept, kept])

        yield* expect(200, undefined, "POST", "/api/v1/users/logout/", { token: person.access })
        yield* waitUntil(
          "The gateway lets them in no more",
          Effect.map(me(person.access), ({ status }) => status === 401)
        )
        assert.deepStrictEqual(yield* send("order-3"), [{ userId, outcome: "not wanted" }])
      }),
    120_000
  )
})
