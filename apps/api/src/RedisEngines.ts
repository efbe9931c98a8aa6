import { Cache } from "@user-service/cache/Cache"
import { Quotas } from "@user-service/cache/Quotas"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Redis from "@user-service/cache/Redis"
import type { RedisSettings } from "@user-service/cache/RedisConnection"
import { Layer } from "effect"

/** The engines on Redis: the cache, the rate limits and the delivery quotas. They share a connection. */
export const layer = (settings: RedisSettings) =>
  Layer.mergeAll(Cache.layerRedis, RateLimits.layerRedis, Quotas.layerRedis).pipe(
    Layer.provideMerge(Redis.layer(settings))
  )
