import { Context, Effect, References, Tracer } from "effect"
import type { Redis } from "effect/persistence"

type Send = Redis.Redis["Service"]["send"]

/**
 * Adds a span to every command within a trace (OpenTelemetry, "Database client spans"). The span has the name of the command,
 * without its arguments. Commands outside a trace, such as the probes, start none (decision 0013).
 */
export const withSpans =
  (send: Send): Send =>
  <A>(command: string, ...args: ReadonlyArray<string>) =>
    Effect.withFiber<A, Redis.RedisError>((fiber) => {
      const isTraced =
        fiber.getRef(References.TracerEnabled) && Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
      if (!isTraced) return send<A>(command, ...args)
      const name = command.toUpperCase()
      return Effect.withSpan(send<A>(command, ...args), name, {
        kind: "client",
        attributes: { "db.system.name": "redis", "db.operation.name": name }
      })
    })
