import { EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Context, Duration, Effect, Layer } from "effect"
import { Redis } from "effect/persistence"
import { Cluster } from "ioredis"
import * as RedisCircuit from "./RedisCircuit.ts"
import { commandTimeout, connect, type Connection, type RedisSettings } from "./RedisConnection.ts"
import { withSpans } from "./RedisSpans.ts"

/** Goes before every key of the service: others may share the Redis, and all its processes find each other's copies. */
export const keyPrefix = "user-service:"

const probeInterval = Duration.millis(250)
const pingTimeout = Duration.millis(500)

/** What is known of the connection, and of what it is to. */
export class RedisHealth extends Context.Service<
  RedisHealth,
  {
    /** A round trip, in 500 ms at most; fails with the reason. */
    readonly ping: Effect.Effect<void, EngineUnusable>
    /**
     * How many commands and connections have failed so far. While it stands still, every command that was sent has been
     * carried out and no other Redis can have taken this one's place.
     */
    readonly failures: () => number
    /** The keys are on many nodes: a script may touch those of one user alone. */
    readonly isCluster: boolean
  }
>()("@user-service/cache/Redis/RedisHealth") {}

/**
 * Redis through ioredis. Builds while Redis is out of reach, and finds it by itself when it comes.
 *
 * Out of reach costs one timeout ({@link commandTimeout}); from then on every command fails at once, until a probe in the
 * background is answered. An error tells what happened, never what was sent.
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

// Whichever way it ends: the layer must not be handed out while its connection is still on the way.
const firstAttempt = (connection: Connection) =>
  Effect.callback<void>((resume) => {
    for (const event of ["ready", "close"]) connection.once(event, () => resume(Effect.void))
  })
