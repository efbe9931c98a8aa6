import { BrokerHealth } from "@user-service/broker/RabbitMq"
import { RedisHealth } from "@user-service/cache/Redis"
import { Storage } from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Effect, Layer, Metric } from "effect"

const interval = "5 seconds"

const gauge = (engine: string) =>
  Metric.gauge("user_service_engine_up", { description: "1 while the engine answers, else 0", attributes: { engine } })

/** How each engine answers, as metrics, asked every five seconds. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const storage = yield* Storage
    const redis = yield* RedisHealth
    const rabbitmq = yield* BrokerHealth
    const observe = (engine: string, ping: Effect.Effect<unknown, ServiceUnavailable>) =>
      Effect.flatMap(Effect.match(ping, { onFailure: () => 0, onSuccess: () => 1 }), (up) =>
        Metric.update(gauge(engine), up)
      )
    const all = [observe("database", storage.ping), observe("cache", redis.ping), observe("broker", rabbitmq.ping)]
    yield* Effect.all(all, { concurrency: all.length, discard: true }).pipe(
      Effect.andThen(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
)
