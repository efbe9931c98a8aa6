import { Lock } from "@user-service/cache/Lock"
import { onLiveClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/LockSuite"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { Layer } from "effect"
import { describe } from "@effect/vitest"
import { redisUrl } from "./engine.ts"

describe.skipIf(redisUrl === "")("over Redis", () => {
  suite("Lock.layerRedis", Lock.layerRedis.pipe(Layer.provide(TestRedis.layer(redisUrl))), onLiveClock)
})
