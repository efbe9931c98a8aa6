import { assert, describe, it } from "@effect/vitest"
import { commandTimeout } from "@user-service/cache/RedisConnection"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { Duration, Effect, Fiber } from "effect"
import { Redis } from "effect/persistence"
import { redisUrl } from "./engine.ts"

// Keeps the whole process from doing anything else.
const beBusy = (millis: number) =>
  Effect.sync(() => {
    const end = performance.now() + millis
    while (performance.now() < end);
  })

describe.skipIf(redisUrl === "")("a busy process", () => {
  it.layer(TestRedis.layer(redisUrl), { excludeTestServices: true })((it) => {
    it.effect("does not treat Redis as unavailable when a blocked event loop delays its answer", () =>
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        for (let round = 0; round < 10; round++) {
          const asking = yield* Effect.forkChild(redis.send("get", "nothing"), { startImmediately: true })
          // The command is on its way.
          yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
          yield* beBusy(Duration.toMillis(commandTimeout) + 50)
          assert.isNull(yield* Fiber.join(asking))
        }
      })
    )
  })
})
