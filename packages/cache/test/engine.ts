import { Cache } from "@user-service/cache/Cache"
import { Lock } from "@user-service/cache/Lock"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Redis from "@user-service/cache/Redis"
import { Layer, Redacted } from "effect"
import { inject } from "vitest"

/** Where the tests' Redis is; empty where there is none. */
export const redisUrl = inject("redisUrl")

/** All of this package over a connection of its own: what one process has. */
export const oneProcess = (url: string, prefix: string) =>
  Layer.fresh(
    Layer.mergeAll(Cache.layerRedis, Lock.layerRedis, RateLimits.layerRedis).pipe(
      Layer.provideMerge(Redis.layer({ url: Redacted.make(url), prefix }))
    )
  )
