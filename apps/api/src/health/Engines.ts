import { RedisHealth } from "@user-service/cache/Redis"
import { Storage } from "@user-service/database/Storage"
import type { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { EngineHealth } from "@user-service/runtime/EngineHealth"
import { Effect, Layer, Option, type Redacted } from "effect"
import { probeBroker } from "./BrokerProbe.ts"

/** The engine health of the API. RabbitMQ, if configured, is only probed at its port: the API has no connection to it. */
export const layer = ({ rabbitmqUrl }: { readonly rabbitmqUrl: Option.Option<Redacted.Redacted<string>> }) =>
  layerWith(Option.match(rabbitmqUrl, { onNone: () => Effect.void, onSome: probeBroker }))

/** The same with the caller's own check of the broker. */
export const layerWith = (broker: Effect.Effect<void, EngineUnusable>) =>
  Layer.effect(
    EngineHealth,
    Effect.gen(function* () {
      const storage = yield* Storage
      const redis = yield* Effect.serviceOption(RedisHealth)
      return {
        database: Effect.asVoid(storage.probe),
        cache: Option.match(redis, { onNone: () => Effect.void, onSome: (health) => health.ping }),
        broker
      }
    })
  ).pipe(Layer.provide(Storage.layer))
