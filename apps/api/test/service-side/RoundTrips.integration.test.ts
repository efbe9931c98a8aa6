import { CurrentFacts } from "@user-service/api/endpoints/RequestFacts"
import { Cache } from "@user-service/cache/Cache"
import { Quotas } from "@user-service/cache/Quotas"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { NotificationId } from "@user-service/domain/Delivery"
import { UserId } from "@user-service/domain/User"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Redis } from "effect/persistence"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { Spans } from "../Spans.ts"
import { freshEngines, layerOn, TestApi } from "../TestApi.ts"
import { client, withGateway } from "./Callers.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

let trips = 0

// What is sent in one turn of the event loop goes as one: the connection pipelines by itself.
let isSending = false
const countTrip = Effect.map(CurrentFacts, ({ requestId }) => {
  if (requestId === "" || isSending) return
  isSending = true
  trips++
  setImmediate(() => {
    isSending = false
  })
})

const counted = (redis: Redis.Redis["Service"]): Redis.Redis["Service"] => ({
  ...redis,
  send: <A = unknown>(command: string, ...parameters: ReadonlyArray<string>) =>
    Effect.andThen(countTrip, redis.send<A>(command, ...parameters)),
  eval: (script) => {
    const run = redis.eval(script)
    return (...params) => Effect.andThen(countTrip, run(...params))
  }
})

const onCountedRedis = Layer.mergeAll(Cache.layerRedis, RateLimits.layerRedis, Quotas.layerRedis).pipe(
  Layer.provide(Layer.effect(Redis.Redis, Effect.map(Redis.Redis, counted))),
  Layer.provide(TestRedis.layer(redisUrl))
)

const layer = Layer.unwrap(
  Effect.map(freshEngines(databaseUrl, redisUrl), (shared) =>
    layerOn(shared, { ...withGateway, RATE_LIMIT_SERVICE_KEY: "60000/1m" }, onCountedRedis)
  )
).pipe(Layer.provideMerge(Spans.layer))

const decodeIds = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ id: UserId })))

/** Users with a device each, made where they are kept. */
const people = Effect.fnUntraced(function* (count: number) {
  const { sql } = yield* TestApi
  const made = yield* sql`
    with made as (
      insert into users (id, email, username, password_hash, created_at, updated_at)
      select gen_random_uuid(), gen_random_uuid() || '@example.org', gen_random_uuid(), '', now(), now()
      from generate_series(1, ${count}::integer) returning id
    ), profiles as (
      insert into profiles (id, user_id, created_at, updated_at) select gen_random_uuid(), id, now(), now() from made
    ), preferences as (
      insert into notification_preferences (id, user_id, created_at, updated_at)
      select gen_random_uuid(), id, now(), now() from made
    ), tokens as (
      insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, last_used_at, created_at, updated_at)
      select gen_random_uuid(), id, id, sha256(id::text::bytea), 'ios', 'apns', now(), now(), now() from made
    )
    select id from made`
  return decodeIds(made).map(({ id }) => id)
})

/** What a request cost: statements of SQL, and times that something was sent to Redis and waited for. */
const costOf = Effect.fnUntraced(function* <A, E>(request: Effect.Effect<A, E>) {
  const spans = yield* Spans
  const before = spans.length
  trips = 0
  const answer = yield* request
  // Those it waits for: what the process does beside them has no span above it.
  const statements = spans
    .slice(before)
    .filter(({ attributes, parent }) => Option.isSome(parent) && attributes.has("db.query.text")).length
  return { answer, cost: { statements, trips } }
})

describe.skipIf(databaseUrl === "" || redisUrl === "")("a call over /rpc", () => {
  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("resolves 1, 10 and 1,000 recipients with the same number of statements and round trips", () =>
      Effect.gen(function* () {
        const rpc = yield* client()
        for (const count of [1, 10, 1000]) {
          const users = yield* Effect.orDie(people(count))
          const resolve = () =>
            rpc.ResolveDeliveries({
              deliveries: users.map((user_id) => ({
                notification_id: NotificationId.make(randomUUID()),
                user_id,
                channel: "push",
                category: "transactional"
              }))
            })
          const first = yield* costOf(resolve())
          assert.isTrue(
            first.answer.every(({ decision, push_tokens }) => decision === "allow" && push_tokens.length === 1)
          )
          // One trip for the limit of the key, two to count days that nobody has counted yet, one from then on.
          assert.deepStrictEqual(first.cost, { statements: 5, trips: 3 }, `${count} for the first time`)
          const again = yield* costOf(resolve())
          assert.deepStrictEqual(again.cost, { statements: 4, trips: 2 }, `${count} again`)
        }
      })
    )

    it.effect("reads 1, 10 and 1,000 users with one statement, and without any when they are cached", () =>
      Effect.gen(function* () {
        const rpc = yield* client()
        for (const count of [1, 10, 1000]) {
          const user_ids = yield* Effect.orDie(people(count))
          const first = yield* costOf(rpc.GetUsers({ user_ids }))
          assert.deepStrictEqual(
            first.answer.map(({ id }) => id),
            user_ids
          )
          // The key's limit, what stands, and what is kept.
          assert.deepStrictEqual(first.cost, { statements: 1, trips: 3 }, `${count} for the first time`)
          const again = yield* costOf(rpc.GetUsers({ user_ids }))
          assert.deepStrictEqual(again.answer, first.answer)
          assert.deepStrictEqual(again.cost, { statements: 0, trips: 2 }, `${count} again`)
        }
      })
    )
  })
})
