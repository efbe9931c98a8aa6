import { RedisHealth } from "@user-service/cache/Redis"
import { Storage } from "@user-service/database/Storage"
import { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Context, Effect, Layer, Option, type Redacted } from "effect"
import { probeBroker } from "./BrokerProbe.ts"

/** How each engine answers. */
export class Engines extends Context.Service<
  Engines,
  {
    /** Each fails within a second, with the reason, when its engine is out of reach; an embedded one always answers. */
    readonly database: Effect.Effect<void, EngineUnusable>
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
          database: Effect.mapError(Effect.asVoid(storage.ping), () => databaseSilent),
          cache: Option.match(redis, { onNone: () => Effect.void, onSome: (health) => health.ping }),
          broker
        }
      })
    ).pipe(Layer.provide(Storage.layer))
}

const databaseSilent = new EngineUnusable({
  engine: "PostgreSQL",
  variable: "DATABASE_URL (or DB_HOST)",
  problem: "no answer in time"
})

/** Fails for the first of `required` that does not answer, with the reason: for a start that is worth nothing without it. */
export const requireEngines = Effect.fnUntraced(function* (required: ReadonlyArray<keyof Engines["Service"]>) {
  const engines = yield* Engines
  for (const engine of required) yield* engines[engine]
})
