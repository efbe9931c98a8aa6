import { Cache } from "@user-service/cache/Cache"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as Redis from "@user-service/cache/Redis"
import { Layer } from "effect"

/** What the service has on Redis: the cache and the limits, over one connection. */
export const layer = (settings: Redis.RedisSettings) =>
  Layer.merge(Cache.layerRedis, RateLimits.layerRedis).pipe(Layer.provideMerge(Redis.layer(settings)))
