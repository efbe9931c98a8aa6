import { assert, describe, it } from "@effect/vitest"
import { RateLimited } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { InternalError, maxCalls } from "@user-service/schema/rpc/UserServiceRpc"
import { Context, Deferred, Effect, Fiber, Layer, Predicate, Redacted, Tracer } from "effect"
import { RpcSerialization } from "effect/rpc"
import { once } from "node:events"
import { createServer, type RequestListener, type ServerResponse } from "node:http"
import { NotificationId, type Patience, UserId, UserServiceClient } from "../src/index.ts"
import { clientOf, key, nobody, ScriptedService, unencodable } from "./ScriptedService.ts"

const freshUser = () => UserId.make(crypto.randomUUID())

const delivery = (notification_id?: string) => ({
  user_id: freshUser(),
  channel: "email" as const,
  category: "system" as const,
  ...(notification_id === undefined ? {} : { notification_id: NotificationId.make(notification_id) })
})

const status = () => ({ notification_id: NotificationId.make(crypto.randomUUID()), status: "sent" as const })

const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.all(effects, { concurrency: "unbounded" })

// A service of the test's own, and a client of it.
const withClient = <A, E>(
  use: (client: UserServiceClient["Service"], service: ScriptedService["Service"]) => Effect.Effect<A, E>,
  patience?: Patience
) =>
  Effect.gen(function* () {
    const service = Context.get(yield* Layer.build(Layer.fresh(ScriptedService.layer)), ScriptedService)
    const client = Context.get(yield* Layer.build(service.client(patience)), UserServiceClient)
    return yield* use(client, service)
  }).pipe(Effect.scoped)

const busy = Effect.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 0 }))

const limited = (retryAfterSeconds: number) =>
  Effect.fail(new RateLimited({ policy: "service-key", limit: 1, windowSeconds: 60, retryAfterSeconds }))

// Something that listens and is no user service.
const listening = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(listener).listen(0, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      return { server, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` }
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

const clientAt = (url: string, patience?: Patience) =>
  Effect.map(Layer.build(clientOf(url, patience)), (context) => Context.get(context, UserServiceClient))

describe("look-ups of one tick", () => {
  it.live("users are read in one call, each named once", () =>
    withClient((client, { heard }) =>
      Effect.gen(function* () {
        const [a, b] = [freshUser(), freshUser()]
        const found = yield* all([client.getUser(a), client.getUser(b), client.getUser(a)])
        assert.deepStrictEqual(
          found.map(({ id }) => id),
          [a, b, a]
        )
        assert.deepStrictEqual(heard, [{ procedure: "GetUsers", payload: { user_ids: [a, b] } }])
      })
    )
  )

  it.live("one who is asked for alone is read by the procedure that is quicker at it", () =>
    withClient((client, { heard }) =>
      Effect.gen(function* () {
        const ids = [freshUser(), freshUser()]
        for (const id of ids) yield* client.getUser(id)
        assert.deepStrictEqual(
          heard,
          ids.map((user_id) => ({ procedure: "GetUser", payload: { user_id } }))
        )
      })
    )
  )

  it.live("who is not there fails by themselves", () =>
    withClient((client) =>
      Effect.gen(function* () {
        const a = freshUser()
        const [user, failure] = yield* Effect.all([client.getUser(a), Effect.flip(client.getUser(nobody))], {
          concurrency: "unbounded"
        })
        assert.strictEqual(user.id, a)
        assert.strictEqual(failure._tag, "UserNotFound")
      })
    )
  )

  it.live("preferences and push tokens share a request, and a user's are asked for once", () =>
    withClient((client, { heard, requests }) =>
      Effect.gen(function* () {
        const [a, b] = [freshUser(), freshUser()]
        yield* Effect.all([client.getPreferences(a), client.getPreferences(b), client.getPreferences(a)], {
          concurrency: "unbounded"
        })
        assert.strictEqual(requests.length, 1)
        assert.deepStrictEqual(
          heard.map(({ payload }) => payload),
          [{ user_id: a }, { user_id: b }]
        )
        yield* Effect.all([client.getPushTokens(a), client.getPushTokens(a)], { concurrency: "unbounded" })
        assert.strictEqual(heard.length, 3)
      })
    )
  )

  it.live("no request carries more calls than the service takes in one", () =>
    withClient((client, { heard, requests }) =>
      Effect.gen(function* () {
        const ids = Array.from({ length: maxCalls + 1 }, freshUser)
        const found = yield* all(ids.map(client.getPreferences))
        assert.strictEqual(found.length, ids.length)
        assert.strictEqual(heard.length, ids.length)
        assert.strictEqual(requests.length, 2)
      })
    )
  )

  it.live("one who does not wait any more takes nobody's answer away from a shared request", () =>
    withClient((client, { endings, requests }) =>
      Effect.gen(function* () {
        const [arrived, open] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        endings.push(Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(open)))
        const first = yield* Effect.forkChild(client.getPreferences(freshUser()))
        const second = yield* Effect.forkChild(client.getPreferences(freshUser()))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(open, undefined)
        yield* Fiber.join(second)
        assert.strictEqual(requests.length, 1)
      })
    )
  )

  it.live("the first of several who does not wait any more takes nobody's answer away", () =>
    withClient((client, { endings, heard }) =>
      Effect.gen(function* () {
        const [arrived, open] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        endings.push(Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(open)))
        const second = freshUser()
        const fibers = yield* Effect.forEach([freshUser(), second], (id) =>
          Effect.forkChild(client.getUser(id), { startImmediately: true })
        )
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fibers[0] ?? assert.fail())
        yield* Deferred.succeed(open, undefined)
        assert.strictEqual((yield* Fiber.join(fibers[1] ?? assert.fail())).id, second)
        assert.lengthOf(heard, 1)
      })
    )
  )

  it.live("deliveries are decided upon in calls of 1,000, in order", () =>
    withClient((client, { heard }) =>
      Effect.gen(function* () {
        const ids = Array.from({ length: 2100 }, (_, index) => `n-${index}`)
        const resolved = yield* all(ids.map((id) => client.resolveDelivery(delivery(id))))
        assert.deepStrictEqual(
          resolved.map(({ notification_id }) => String(notification_id)),
          ids
        )
        assert.deepStrictEqual(
          heard.map(({ procedure }) => procedure),
          ["ResolveDeliveries", "ResolveDeliveries", "ResolveDeliveries"]
        )
      })
    )
  )

  it.live("one who does not wait any more takes nobody's answer away", () =>
    withClient((client, { endings }) =>
      Effect.gen(function* () {
        const [arrived, open] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        endings.push(Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(open)))
        const first = yield* Effect.forkChild(client.getUser(freshUser()))
        const second = yield* Effect.forkChild(client.getUser(freshUser()))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(open, undefined)
        yield* Fiber.join(second)
      })
    )
  )
})

describe("another try", () => {
  it.live("follows a busy service, on every procedure, as they all may be called again", () =>
    withClient((client, { endings, heard }) =>
      Effect.gen(function* () {
        const calls: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
          client.introspectToken(Redacted.make("x")),
          client.getUser(freshUser()),
          client.getUsers([freshUser()]),
          client.getPreferences(freshUser()),
          client.getPushTokens(freshUser()),
          client.resolveDelivery(delivery()),
          client.resolveDeliveries([delivery()]),
          client.reportDeliveryStatuses([status()])
        ]
        for (const call of calls) {
          endings.push(busy)
          const before = heard.length
          yield* call
          assert.strictEqual(heard.length, before + 2)
        }
      })
    )
  )

  it.live("asks about a delivery under the id it had at first", () =>
    withClient((client, { endings, heard }) =>
      Effect.gen(function* () {
        endings.push(busy, busy)
        const [resolved] = yield* client.resolveDeliveries([delivery()])
        const named = heard.map(({ payload }) => JSON.stringify(payload))
        assert.strictEqual(named.length, 3)
        assert.strictEqual(new Set(named).size, 1)
        assert.include(named[0] ?? "", resolved?.notification_id ?? "none")
        assert.notStrictEqual(String(resolved?.notification_id), "made by the service")
      })
    )
  )

  it.live("comes three times at most, and then what is wrong is told", () =>
    withClient((client, { endings, heard }) =>
      Effect.gen(function* () {
        endings.push(busy, busy, busy, busy, busy)
        const failure = yield* Effect.flip(client.getUser(freshUser()))
        assert.strictEqual(failure._tag, "ServiceUnavailable")
        assert.strictEqual(heard.length, 4)
      })
    )
  )

  it.live("waits as long as the service says", () =>
    withClient((client, { refusals }) =>
      Effect.gen(function* () {
        refusals.push(limited(1))
        const started = performance.now()
        yield* client.getUser(freshUser())
        assert.isAtLeast(performance.now() - started, 1000)
      })
    )
  )

  it.live("does not come where the wait is past the deadline", () =>
    withClient((client, { heard, refusals }) =>
      Effect.gen(function* () {
        refusals.push(limited(60))
        const failure = yield* Effect.flip(client.getUser(freshUser()))
        assert.isTrue(failure._tag === "RateLimited" && failure.retryAfterSeconds === 60)
        assert.strictEqual(heard.length, 1)
      })
    )
  )

  it.live("does not come for what is refused, or is a mistake of the service's", () =>
    withClient((client, { heard, refusals, url }) =>
      Effect.gen(function* () {
        refusals.push(Effect.fail(new InternalError()))
        assert.strictEqual((yield* Effect.flip(client.getUser(freshUser())))._tag, "InternalError")
        const wrong = UserServiceClient.layerHttp({ url, apiKey: Redacted.make("another") })
        const stranger = Context.get(yield* Layer.build(wrong), UserServiceClient)
        assert.strictEqual((yield* Effect.flip(stranger.getUser(freshUser())))._tag, "Unauthenticated")
        assert.strictEqual(heard.length, 2)
      }).pipe(Effect.scoped)
    )
  )
})

describe("no answer", () => {
  it.live("where nobody listens", () =>
    Effect.gen(function* () {
      const { server, url } = yield* listening(() => {})
      server.close()
      const failure = yield* Effect.flip((yield* clientAt(url, { retries: 1 })).getUser(freshUser()))
      assert.isTrue(failure._tag === "Unreachable" && failure.reason === "connection", String(failure))
      assert.notInclude(JSON.stringify(failure) + String(failure), key)
    })
  )

  it.live("in time", () =>
    Effect.gen(function* () {
      const { url } = yield* listening(() => {})
      const client = yield* clientAt(url, { timeout: "50 millis", deadline: "300 millis", retries: 1 })
      const failure = yield* Effect.flip(client.getUser(freshUser()))
      assert.isTrue(failure._tag === "Unreachable" && failure.reason === "timeout", String(failure))
    })
  )

  it.live("in time, or not to its end, closes the connection of each request", () =>
    Effect.gen(function* () {
      for (const respond of [() => {}, (response: ServerResponse) => response.write("\u0005")]) {
        const opened: Array<Promise<unknown>> = []
        const { url } = yield* listening((_, response) => {
          opened.push(once(response, "close"))
          respond(response)
        })
        for (const patience of [
          { timeout: "50 millis", deadline: "5 seconds", retries: 1 },
          { timeout: "1 minute", deadline: "50 millis" }
        ] as const) {
          const client = yield* clientAt(url, patience)
          const user = freshUser()
          const calls: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string; readonly reason?: string }>> = [
            client.getUser(user),
            client.getPreferences(user),
            client.getPushTokens(user),
            client.introspectToken(Redacted.make("x"))
          ]
          for (const call of calls) {
            const failure = yield* Effect.flip(call)
            assert.isTrue(failure._tag === "Unreachable" && failure.reason === "timeout", String(failure))
          }
        }
        assert.lengthOf(opened, 12)
        yield* Effect.promise(() => Promise.all(opened))
      }
    })
  )

  it.live("after the deadline, whatever is still to be tried", () =>
    Effect.gen(function* () {
      let requests = 0
      const { url } = yield* listening(() => void requests++)
      const client = yield* clientAt(url, { timeout: "1 minute", deadline: "200 millis" })
      const failure = yield* Effect.flip(client.getUser(freshUser()))
      assert.isTrue(failure._tag === "Unreachable" && failure.reason === "timeout", String(failure))
      assert.strictEqual(requests, 1)
    })
  )

  it.live("that can be read, and one to another call is none", () =>
    Effect.gen(function* () {
      const { makeUnsafe } = yield* RpcSerialization.RpcSerialization
      const answering = (answer: (id: unknown) => object) =>
        listening((request, response) => {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk) => chunks.push(chunk))
          request.on("end", () => {
            const [call] = makeUnsafe().decode(Buffer.concat(chunks))
            assert(Predicate.hasProperty(call, "id"))
            response.end(makeUnsafe().encode([answer(call.id)]))
          })
        })
      const exit = new Uint8Array([255])
      const details = yield* Effect.forEach(
        [
          (requestId: unknown) => ({ _tag: "Exit", requestId, exit }),
          () => ({ _tag: "Exit", requestId: "another", exit })
        ],
        Effect.fnUntraced(function* (answer) {
          const client = yield* clientAt((yield* answering(answer)).url, { retries: 0 })
          const failure = yield* Effect.flip(client.getUser(freshUser()))
          assert(failure._tag === "Unreachable" && failure.reason === "answer", String(failure))
          return failure.detail
        })
      )
      assert.deepStrictEqual(details, ["The answer cannot be read", "There is no answer to the call"])
    }).pipe(Effect.provide(RpcSerialization.layerSchemaBinary()))
  )

  it.live("but a defect of the service is a failure of its own call", () =>
    withClient(
      (client, { endings }) =>
        Effect.gen(function* () {
          const [arrived, open] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          endings.push(Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(open)))
          const other = yield* Effect.forkChild(client.getUsers([freshUser()]))
          yield* Deferred.await(arrived)
          const calls: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string; readonly reason?: string }>> = [
            client.getUser(freshUser()),
            client.getPreferences(freshUser())
          ]
          for (const call of calls) {
            endings.push(Effect.die("a mistake"))
            const failure = yield* Effect.flip(call)
            assert.isTrue(failure._tag === "Unreachable" && failure.reason === "answer", String(failure))
          }
          yield* Deferred.succeed(open, undefined)
          assert.lengthOf(yield* Fiber.join(other), 1)
        }),
      { retries: 0 }
    )
  )

  it.live("where the service cannot encode it", () =>
    withClient(
      (client) =>
        Effect.gen(function* () {
          const failure = yield* Effect.flip(client.getPreferences(unencodable))
          assert.isTrue(failure._tag === "Unreachable" && failure.reason === "answer", String(failure))
          assert.include(String(Predicate.hasProperty(failure, "cause") && failure.cause), "Failed to encode response")
        }),
      { retries: 0 }
    )
  )

  it.live("that is the service's", () =>
    Effect.gen(function* () {
      for (const [code, body] of [
        [502, "<html>Bad gateway</html>"],
        [413, '{"success":false}'],
        [200, "<html>Welcome</html>"],
        [200, ""],
        // The head of a frame, and nothing in it.
        [200, "\u0005\u0001"]
      ] as const) {
        const { url } = yield* listening((_, response) => response.writeHead(code).end(body))
        const client = yield* clientAt(url, { retries: 0 })
        const failure = yield* Effect.flip(client.reportDeliveryStatuses([status()]))
        assert.isTrue(failure._tag === "Unreachable" && failure.reason === "answer", `${code}: ${String(failure)}`)
      }
    })
  )

  it.live("ten times in a row, and the service is left alone until a try shows it to be back", () =>
    Effect.gen(function* () {
      let requests = 0
      const { url } = yield* listening((_, response) => {
        requests++
        response.writeHead(502).end()
      })
      const client = yield* clientAt(url, { retries: 0 })
      const ask = Effect.flip(client.reportDeliveryStatuses([status()]))
      for (let call = 0; call < 10; call++) yield* ask
      const failure = yield* ask
      assert.isTrue(failure._tag === "Unreachable" && failure.reason === "circuit_open", String(failure))
      assert.strictEqual(requests, 10)
      yield* Effect.repeat(ask, { until: () => requests > 10 })
      assert.strictEqual(requests, 11)
    })
  )

  it.live("is not what a refusal is: the service stays open to others", () =>
    withClient((client, { refusals }) =>
      Effect.gen(function* () {
        for (let call = 0; call < 12; call++) {
          refusals.push(Effect.fail(new InternalError()))
          yield* Effect.flip(client.getUsers([freshUser()]))
        }
        yield* client.getUser(freshUser())
      })
    )
  )
})

it.live("a request goes on with the trace of who makes it", () =>
  withClient((client, { requests }) =>
    Effect.gen(function* () {
      const parent = Tracer.externalSpan({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" })
      yield* Effect.withParentSpan(client.getUser(freshUser()), parent)
      yield* Effect.withParentSpan(client.getPreferences(freshUser()), parent)
      assert.strictEqual(requests.length, 2)
      for (const traceparent of requests) assert.match(traceparent ?? "", /^00-0af7651916cd43dd8448eb211c80319c-/)
    })
  )
)
