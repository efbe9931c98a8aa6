import { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Context, Duration, Effect, Layer } from "effect"
import { Redis } from "effect/persistence"
import { Cluster } from "ioredis"
import * as RedisCircuit from "./RedisCircuit.ts"
import { commandTimeout, connect, type Connection, type RedisSettings } from "./RedisConnection.ts"
import { withSpans } from "./RedisSpans.ts"

/** The prefix of every key of the service. Other services may share the Redis; all processes of this one use the same keys. */
export const keyPrefix = "user-service:"

const probeInterval = Duration.millis(250)
const pingTimeout = Duration.millis(500)

/** Health and kind of the Redis. */
export class RedisHealth extends Context.Service<
  RedisHealth,
  {
    /** One round trip. Fails with the reason, within 500 ms. */
    readonly ping: Effect.Effect<void, EngineUnusable>
    /**
     * How many commands and connections have failed so far. While the number does not change, Redis has executed every command
     * and cannot have been replaced by another Redis.
     */
    readonly failures: () => number
    /** Whether the keys are distributed over several nodes. A script may then only use keys with the same hash tag. */
    readonly isCluster: boolean
  }
>()("@user-service/cache/Redis/RedisHealth") {}

/**
 * Redis through ioredis. The layer also builds while Redis is unreachable, and connects when Redis is back.
 *
 * After the first command that times out ({@link commandTimeout}) every command fails immediately, until a background probe
 * is answered. Errors contain the failure, never the command or its arguments.
 */
export const layer = (settings: RedisSettings): Layer.Layer<Redis.Redis | RedisHealth> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const connection = yield* Effect.acquireRelease(
        Effect.sync(() => connect(settings)),
        (client) => Effect.sync(() => client.disconnect())
      )
      const timeout = settings.commandTimeout ?? commandTimeout
      const circuit = RedisCircuit.make(connection, settings)
      yield* firstAttempt(connection)
      yield* circuit.probe
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(probeInterval), circuit.probe)))

      const redis = yield* Redis.make({
        send: withSpans(circuit.send),
        connect: Effect.sync(() => {
          const own = connect(settings)
          return { send: RedisCircuit.sendOver(own, timeout), close: Effect.sync(() => own.disconnect()) }
        }),
        subscribe: Effect.fnUntraced(function* (channel, onMessage) {
          const own = yield* Effect.acquireRelease(
            Effect.sync(() => connect(settings, true)),
            (client) => Effect.sync(() => client.disconnect())
          )
          own.on("message", (from: string, message: string) => onMessage({ channel: from, message }))
          yield* Effect.tryPromise({ try: () => own.subscribe(channel), catch: RedisCircuit.redisError })
          return Effect.never
        })
      })
      const ping = circuit.send("ping").pipe(
        Effect.timeout(pingTimeout),
        Effect.mapError(
          () => new EngineUnusable({ engine: "Redis", variable: "REDIS_URL", problem: circuit.problem() })
        ),
        Effect.asVoid
      )
      const health = { ping, failures: circuit.failures, isCluster: connection instanceof Cluster }
      return Context.make(Redis.Redis, redis).pipe(Context.add(RedisHealth, health))
    })
  )

// Waits for the first attempt, successful or not, so that users of the layer do not find an unfinished connection.
const firstAttempt = (connection: Connection) =>
  Effect.callback<void>((resume) => {
    for (const event of ["ready", "close"]) connection.once(event, () => resume(Effect.void))
  })
