import { RedisHealth } from "@user-service/cache/Redis"
import { Storage } from "@user-service/database/Storage"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, Effect, Layer, Option, type Redacted, Schema } from "effect"
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
  /** Of RabbitMQ, where one is named, only whether something listens there: whoever uses it no further has no connection. */
  static readonly layer = ({ rabbitmqUrl }: { readonly rabbitmqUrl: Option.Option<Redacted.Redacted<string>> }) =>
    Engines.layerWith(Option.match(rabbitmqUrl, { onNone: () => Effect.void, onSome: probeBroker }))

  /** With a broker that is asked by whoever has a connection to it. */
  static readonly layerWith = (broker: Effect.Effect<void, ServiceUnavailable>) =>
    Layer.effect(
      Engines,
      Effect.gen(function* () {
        const storage = yield* Storage
        const redis = yield* Effect.serviceOption(RedisHealth)
        return {
          database: Effect.asVoid(storage.ping),
          cache: Option.match(redis, { onNone: () => Effect.void, onSome: (health) => health.ping }),
          broker
        }
      })
    ).pipe(Layer.provide(Storage.layer))
}

const names = {
  database: { engine: "PostgreSQL", variable: "DATABASE_URL (or DB_HOST)" },
  cache: { engine: "Redis", variable: "REDIS_URL" },
  broker: { engine: "RabbitMQ", variable: "RABBITMQ_URL" }
} as const

/** An engine that the environment names does not answer. */
export class EngineUnreachable extends Schema.TaggedError<EngineUnreachable>()("EngineUnreachable", {
  engine: Schema.String,
  variable: Schema.String
}) {
  override get message() {
    return `${this.engine} does not answer where ${this.variable} says it is`
  }
}

/** Fails for the first of `required` that does not answer: for a start that is worth nothing without it. */
export const requireEngines = Effect.fnUntraced(function* (required: ReadonlyArray<keyof typeof names>) {
  const engines = yield* Engines
  for (const engine of required) {
    yield* Effect.mapError(engines[engine], () => new EngineUnreachable(names[engine]))
  }
})
