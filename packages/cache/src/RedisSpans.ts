import { Context, Effect, References, Tracer } from "effect"
import type { Redis } from "effect/persistence"

type Send = Redis.Redis["Service"]["send"]

/**
 * Gives each command of a trace a span (OpenTelemetry, "Database client spans"). It names the command and nothing that was
 * sent with it; what is done outside of any trace, as looking whether Redis is there, begins none.
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
