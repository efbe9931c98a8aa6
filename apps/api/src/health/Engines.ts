import { RedisHealth } from "@user-service/cache/Redis"
import { Storage } from "@user-service/database/Storage"
import type { EngineUnusable } from "@user-service/domain/EngineUnusable"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer, Option, type Redacted } from "effect"
import { probeBroker } from "./BrokerProbe.ts"

/** How each engine answers. */
export class Engines extends Context.Service<
  Engines,
  {
    /** Fails within a second where statements do not work, and logs why. */
    readonly database: Effect.Effect<void, ServiceUnavailable>
    /** Each fails within a second, with the reason, when its engine is out of reach; an embedded one always answers. */
    readonly cache: Effect.Effect<void, EngineUnusable>
    readonly broker: Effect.Effect<void, EngineUnusable>
  }
>()("@user-service/api/health/Engines") {
  /** Of RabbitMQ, where one is named, only whether something listens there: whoever uses it no further has no connection. */
  static readonly layer = ({ rabbitmqUrl }: { readonly rabbitmqUrl: Option.Option<Redacted.Redacted<string>> }) =>
    Engines.layerWith(Option.match(rabbitmqUrl, { onNone: () => Effect.void, onSome: probeBroker }))

  /** With a broker that is asked by whoever has a connection to it. */
  static readonly layerWith = (broker: Effect.Effect<void, EngineUnusable>) =>
    Layer.effect(
      Engines,
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
}

/** Fails for the first of `required` that does not answer, with the reason: for a start that is worth nothing without it. */
export const requireEngines = Effect.fnUntraced(function* (required: ReadonlyArray<"cache" | "broker">) {
  const engines = yield* Engines
  for (const engine of required) yield* engines[engine]
})
