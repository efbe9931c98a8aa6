import { assert, describe, it } from "@effect/vitest"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { UserId, UserServiceClient } from "@user-service/rpc-client"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { inject } from "vitest"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"
import { make, type Process } from "./Pair.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const isRedisMissing = spawnSync("redis-server", ["--version"]).status !== 0

// Of one that asks once, so that what the service says is what is told.
const clientOf = ({ url }: Process) =>
  Effect.map(
    Layer.build(UserServiceClient.layerHttp({ url, apiKey: Redacted.make(gatewayKey), retries: 0 })),
    (context) => Context.get(context, UserServiceClient)
  )

const personWithLimit = Effect.fnUntraced(function* (process: Process, frequency_limit: number) {
  const person = yield* process.person()
  yield* process.send("PATCH", "/api/v1/users/preferences/", { token: person.access, body: { frequency_limit } })
  return { ...person, id: UserId.make(person.id) }
})

const emailTo = (user_id: UserId) => ({ user_id, channel: "email", category: "transactional" }) as const

describe.skipIf(databaseUrl === "" || isRedisMissing)("two processes whose Redis is killed", () => {
  it.live(
    "still answer other services: users, live tokens, and no more deliveries than the daily limit",
    () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        yield* server.start
        const pair = yield* make(databaseUrl, server.url, withGateway)
        const both = [yield* pair.process(), yield* pair.process()]
        const clients = yield* Effect.forEach(both, clientOf)
        const [process] = both
        assert(process !== undefined)
        const limit = 5
        const person = yield* personWithLimit(process, limit)
        const ended = yield* process.login(person)
        yield* process.send("POST", "/api/v1/users/logout/", { token: ended.access })
        const resolve = (client: UserServiceClient["Service"]) => client.resolveDeliveries([emailTo(person.id)])
        // One is counted in Redis before it goes.
        yield* Effect.forEach(clients.slice(0, 1), resolve)

        yield* server.kill
        const resolved = yield* Effect.forEach(
          Array.from({ length: 10 }).flatMap(() => clients),
          resolve,
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          resolved.flat().filter(({ decision }) => decision === "allow"),
          limit - 1
        )
        for (const client of clients) {
          assert.strictEqual((yield* client.getUser(person.id)).id, person.id)
          assert.strictEqual((yield* client.getPreferences(person.id)).frequency_limit, limit)
          const isActive = (token: string) =>
            Effect.map(client.introspectToken(Redacted.make(token)), ({ active }) => active)
          assert.deepStrictEqual([yield* isActive(person.access), yield* isActive(ended.access)], [true, false])
        }

        yield* server.start
        const after = yield* Effect.forEach(clients, resolve)
        assert.notInclude(
          after.flat().map(({ decision }) => decision),
          "allow"
        )
      }),
    60_000
  )
})

describe.skipIf(redisUrl === "" || PostgresServer.skipReason !== "")(
  `a process whose PostgreSQL is killed ${PostgresServer.skipReason}`,
  () => {
    it.live(
      "answers other services with 503 within a second, and recovers when it is back",
      () =>
        Effect.gen(function* () {
          const server = yield* PostgresServer.make()
          yield* server.start
          const pair = yield* make(server.url, redisUrl, withGateway)
          const process = yield* pair.process()
          const client = yield* clientOf(process)
          const { id } = yield* personWithLimit(process, 5)
          const asked: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
            client.resolveDeliveries([emailTo(id)]),
            client.getPushTokens(UserId.make(crypto.randomUUID()))
          ]
          yield* server.kill
          for (const ask of asked) {
            const [elapsed, failure] = yield* Effect.timed(Effect.flip(ask))
            assert.strictEqual(failure._tag, "ServiceUnavailable")
            assert.isBelow(Duration.toMillis(elapsed), 1000)
          }
          yield* server.start
          yield* waitUntil(Effect.map(process.send("GET", "/health/ready"), ({ status }) => status === 200))
          const [delivery] = yield* client.resolveDeliveries([emailTo(id)])
          assert.strictEqual(delivery?.decision, "allow")
        }),
      60_000
    )
  }
)
