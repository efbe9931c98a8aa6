import { RedisHealth } from "@user-service/cache/Redis"
import { Storage } from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer, Option, type Redacted } from "effect"
import { probeBroker } from "./BrokerProbe.ts"

/** How each engine answers. */
export class Engines extends Context.Service<
  Engines,
  {
    /** Each fails within a second when its engine is out of reach; an embedded one always answers. */
    readonly database: Effect.Effect<void, ServiceUnavailable>
    readonly cache: Effect.Effect<void, ServiceUnavailable>
    readonly broker: Effect.Effect<void, ServiceUnavailable>
  }
>()("@user-service/api/health/Engines") {
  static readonly layer = (settings: { readonly rabbitmqUrl: Option.Option<Redacted.Redacted<string>> }) =>
    Layer.effect(
      Engines,
      Effect.gen(function* () {
        const storage = yield* Storage
        const redis = yield* Effect.serviceOption(RedisHealth)
        return {
          database: Effect.asVoid(storage.ping),
          cache: Option.match(redis, { onNone: () => Effect.void, onSome: (health) => health.ping }),
          broker: Option.match(settings.rabbitmqUrl, { onNone: () => Effect.void, onSome: probeBroker })
        }
      })
    ).pipe(Layer.provide(Storage.layer))
}
