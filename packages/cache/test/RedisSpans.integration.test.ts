import { assert, describe, it } from "@effect/vitest"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { Cause, Effect, Exit, References, Tracer } from "effect"
import { Redis } from "effect/persistence"
import { redisUrl } from "./engine.ts"

/** The spans that an effect makes, as they begin. */
const spansOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return Effect.as(Effect.provideService(effect, Tracer.Tracer, tracer), spans)
  })

describe.skipIf(redisUrl === "")("spans of Redis commands", () => {
  it.layer(TestRedis.layer(redisUrl), { excludeTestServices: true })((it) => {
    const ask = Effect.flatMap(Redis.Redis, (redis) =>
      Effect.andThen(redis.send("set", "key-1", "value-1"), redis.send("get", "key-1"))
    )

    it.effect("are children of the caller's span, and contain only the name of the command", () =>
      Effect.gen(function* () {
        const [request, ...commands] = yield* spansOf(Effect.withSpan(ask, "request"))
        assert.deepStrictEqual(
          commands.map(({ attributes, kind, name, parent }) => [
            name,
            kind,
            parent._tag === "Some" && parent.value.spanId === request?.spanId,
            Object.fromEntries(attributes)
          ]),
          ["SET", "GET"].map((name) => [name, "client", true, { "db.system.name": "redis", "db.operation.name": name }])
        )
      })
    )

    it.effect("are not created outside a trace or without tracing", () =>
      Effect.gen(function* () {
        assert.lengthOf(yield* spansOf(ask), 0)
        const untraced = Effect.provideService(Effect.withSpan(ask, "request"), References.TracerEnabled, false)
        assert.lengthOf(yield* spansOf(untraced), 0)
      })
    )

    // The last, for Redis is taken for gone after it.
    it.effect("fail with the command, and do not show its arguments", () =>
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const wrong = Effect.exit(redis.send("incr", "key-2", "value-2"))
        const [, command] = yield* spansOf(Effect.withSpan(wrong, "request"))
        assert(command?.status._tag === "Ended" && Exit.isFailure(command.status.exit))
        const told = Cause.pretty(command.status.exit.cause)
        assert.include(told, "wrong number of arguments")
        assert.notMatch(told, /key-2|value-2/)
      })
    )
  })
})
