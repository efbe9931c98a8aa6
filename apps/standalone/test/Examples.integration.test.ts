import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { notificationStatus } from "@user-service/broker/Topology"
import { UserId, UserServiceClient } from "@user-service/rpc-client"
import {
  MailBounced,
  MailTransport,
  type OutgoingMail,
  sendNewsletter
} from "@user-service/rpc-client/examples/email-sender"
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

const publicUrl = "https://users.example.com"

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

/** An e-mail provider for which one address does not exist. */
const layerMailTransport = (unknownAddress: string, sent: Array<OutgoingMail>) =>
  Layer.succeed(MailTransport, {
    send: (mail) =>
      mail.to === unknownAddress
        ? Effect.fail(new MailBounced({ bounceType: "hard", reply: "550 5.1.1 User unknown" }))
        : Effect.sync(() => void sent.push(mail))
  })

/** Sends the request that a mail provider sends for a click on "unsubscribe" (RFC 8058, section 3.2). */
const clickOnce = Effect.fnUntraced(function* (service: string, { headers }: OutgoingMail) {
  const [, url = ""] = /^<(https:[^<>]+)>$/.exec(headers["List-Unsubscribe"] ?? "") ?? []
  assert.isTrue(url.startsWith(`${publicUrl}/u/`), url)
  // A proxy at PUBLIC_URL would forward it there.
  return yield* sender(service)("POST", url.slice(publicUrl.length), {
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: headers["List-Unsubscribe-Post"]
  })
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

  it.live(
    "a newsletter carries the headers for one click, after which it is sent to this user no more, nor to a bounced address",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const environment = { ...engines, SERVICE_API_KEYS: `examples:${key}`, PUBLIC_URL: publicUrl }
        const program = yield* Program.start(environment)
        const send = sender(program.url)
        const [reader, gone] = [yield* register(send), yield* register(send)]
        const sent: Array<OutgoingMail> = []
        const context = yield* Layer.build(
          Layer.mergeAll(
            layerStatuses(engines.RABBITMQ_URL),
            layerMailTransport(gone.email, sent),
            UserServiceClient.layerHttp({ url: program.url, apiKey: Redacted.make(key) })
          )
        )
        const [readerId, goneId] = [UserId.make(reader.id), UserId.make(gone.id)]
        const publish = (issue: string) =>
          Effect.provideContext(sendNewsletter(issue, [readerId, goneId], "What is new"), context)
        assert.deepStrictEqual(yield* publish("issue-1"), [
          { userId: readerId, outcome: "sent" },
          { userId: goneId, outcome: "failed" }
        ])
        const [mail] = sent
        if (mail === undefined) return yield* Effect.die("No mail was sent")
        assert.strictEqual(mail.to, reader.email)
        assert.include(mail.text, `Unsubscribe: ${mail.headers["List-Unsubscribe"]?.slice(1, -1)}\n`)
        assert.match(mail.text, /All preferences: https:\/\/users\.example\.com\/u\/\S+\n$/)

        const statusOf = ({ access }: { readonly access: string }, id: string) =>
          Effect.map(send("GET", "/api/v1/users/notifications/?channel=email", { token: access }), ({ body }) =>
            body.data.find(
              ({ notification_id }: { readonly notification_id: string }) => notification_id === `issue-1-${id}`
            )
          )
        yield* waitUntil(
          "Both statuses are stored",
          Effect.gen(function* () {
            const [toReader, toGone] = [yield* statusOf(reader, reader.id), yield* statusOf(gone, gone.id)]
            return toReader.status === "sent" && toGone.status === "bounced"
          })
        )
        const { resolveDeliveries } = Context.get(context, UserServiceClient)
        const rules = Effect.map(
          resolveDeliveries(
            [readerId, goneId].map((user_id) => ({
              user_id,
              channel: "email" as const,
              category: "marketing" as const
            }))
          ),
          (resolved) => resolved.map(({ decision, rule }) => [decision, rule])
        )
        assert.deepStrictEqual(yield* rules, [
          ["allow", null],
          ["deny", "suppressed"]
        ])
        assert.strictEqual((yield* clickOnce(program.url, mail)).status, 200)
        assert.deepStrictEqual(yield* rules, [
          ["deny", "category_disabled"],
          ["deny", "suppressed"]
        ])
        assert.deepStrictEqual(yield* publish("issue-2"), [
          { userId: readerId, outcome: "not wanted" },
          { userId: goneId, outcome: "not wanted" }
        ])
        assert.deepStrictEqual(sent, [mail])
      }),
    120_000
  )
})
