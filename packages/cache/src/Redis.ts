import { engineUrl } from "@user-service/domain/EngineUrl"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Config, Context, Duration, Effect, Layer, type Option, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { Cluster, Redis as Client } from "ioredis"
import { traced } from "./RedisSpans.ts"

const isUrl = (url: string): boolean =>
  url.split(",").every((part, index) => {
    const whole = index > 0 && !part.includes("://") ? `redis://${part}` : part
    return /^rediss?:\/\//.test(whole) && URL.canParse(whole)
  })

/** `REDIS_URL`: `redis://` or `rediss://`, a Redis Cluster where it names several hosts, parted by commas; none if not set. */
export const config: Config.Config<Option.Option<Redacted.Redacted<string>>> = Config.option(
  engineUrl("REDIS_URL", { isValid: isUrl, form: "redis://host:port, with commas between hosts" })
)

/** Goes before every key of the service: others may share the Redis, and all its processes find each other's copies. */
export const keyPrefix = "user-service:"

export interface RedisSettings {
  readonly url: Redacted.Redacted<string>
  /** Goes before every key. */
  readonly prefix?: string
  /** How long a command may take; {@link commandTimeout} when absent. */
  readonly commandTimeout?: Duration.Duration
}

/** How long a command may take, and how often a Redis out of reach is looked for. */
export const commandTimeout = Duration.millis(250)
const probeInterval = Duration.millis(250)
const pingTimeout = Duration.millis(500)

/** What is known of the connection, and of what it is to. */
export class RedisHealth extends Context.Service<
  RedisHealth,
  {
    /** A round trip, in 500 ms at most. */
    readonly ping: Effect.Effect<void, ServiceUnavailable>
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
      const circuit = makeCircuit(connection, timeout)
      yield* firstAttempt(connection)
      yield* circuit.probe
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(probeInterval), circuit.probe)))

      const redis = yield* Redis.make({
        send: traced(circuit.send),
        connect: Effect.sync(() => {
          const own = connect(settings)
          return { send: sendOver(own, timeout), close: Effect.sync(() => own.disconnect()) }
        }),
        subscribe: Effect.fnUntraced(function* (channel, onMessage) {
          const own = yield* Effect.acquireRelease(
            Effect.sync(() => connect(settings, true)),
            (client) => Effect.sync(() => client.disconnect())
          )
          own.on("message", (from: string, message: string) => onMessage({ channel: from, message }))
          yield* Effect.tryPromise({ try: () => own.subscribe(channel), catch: redisError })
          return Effect.never
        })
      })
      const ping = circuit.send("ping").pipe(
        Effect.timeout(pingTimeout),
        Effect.mapError(() => new ServiceUnavailable({ what: "redis", retryAfterSeconds: 1 })),
        Effect.asVoid
      )
      const health = { ping, failures: circuit.failures, isCluster: connection instanceof Cluster }
      return Context.make(Redis.Redis, redis).pipe(Context.add(RedisHealth, health))
    })
  )

type Connection = Client | Cluster

// ioredis hangs the command and its arguments on an error: keys, values, on AUTH the password. Only the words go on.
const redisError = (cause: unknown): Redis.RedisError =>
  new Redis.RedisError({ cause: cause instanceof Error ? cause.message : "unknown failure" })

const unreachable = Effect.fail(new Redis.RedisError({ cause: "Redis is out of reach" }))

const backoff = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 10), 1000)

const connect = (
  { commandTimeout: timeout = commandTimeout, prefix = "", url }: RedisSettings,
  enableOfflineQueue = false
): Connection => {
  const options = {
    keyPrefix: prefix,
    // What timed out was given up: it must not be carried out again, behind everyone's back, on the next connection.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    // Clears out what was given up long before, see inTime.
    commandTimeout: 4 * Duration.toMillis(timeout),
    connectTimeout: 500,
    // Finds the connection whose other end went away without a word.
    socketTimeout: 2000,
    enableAutoPipelining: true,
    retryStrategy: backoff
  }
  const [first = "", ...others] = Redacted.value(url).split(",")
  const client =
    others.length === 0
      ? new Client(first, { ...options, enableOfflineQueue })
      : connectCluster(first, others, enableOfflineQueue, options)
  // Without a listener an error would end the process. What fails by it tells of itself.
  client.on("error", () => {})
  return client
}

const connectCluster = (
  first: string,
  others: ReadonlyArray<string>,
  enableOfflineQueue: boolean,
  options: { readonly keyPrefix: string; readonly commandTimeout: number }
): Cluster => {
  const { hostname, password, port, protocol, username } = new URL(first)
  const nodes = others.map((part) => new URL(part.includes("://") ? part : `redis://${part}`))
  return new Cluster(
    [{ hostname, port }, ...nodes].map((node) => ({ host: node.hostname, port: Number(node.port || 6379) })),
    {
      enableOfflineQueue,
      enableAutoPipelining: true,
      clusterRetryStrategy: backoff,
      keyPrefix: options.keyPrefix,
      redisOptions: {
        ...options,
        ...(username === "" ? {} : { username: decodeURIComponent(username) }),
        ...(password === "" ? {} : { password: decodeURIComponent(password) }),
        ...(protocol === "rediss:" ? { tls: {} } : {})
      }
    }
  )
}

// What one node of a cluster cannot do alone: a script has to be known to all, keys of many slots lie on many.
const call = (client: Connection, command: string, args: Array<string>): Promise<unknown> => {
  if (client instanceof Cluster && command === "script") {
    return Promise.all(client.nodes("master").map((node) => node.call(command, args))).then(([answer]) => answer)
  }
  if (client instanceof Cluster && command === "mget") {
    return Promise.all(args.map((key) => client.call("get", [key])))
  }
  return client.call(command, args)
}

// Whichever way it ends: the layer must not be handed out while its connection is still on the way.
const firstAttempt = (connection: Connection) =>
  Effect.callback<void>((resume) => {
    for (const event of ["ready", "close"]) connection.once(event, () => resume(Effect.void))
  })

type Send = <A = unknown>(command: string, ...args: ReadonlyArray<string>) => Effect.Effect<A, Redis.RedisError>

const sendOver =
  (client: Connection, timeout: Duration.Duration, onFailure: (error: Redis.RedisError) => void = () => {}): Send =>
  <A>(command: string, ...args: ReadonlyArray<string>) =>
    Effect.callback<A, Redis.RedisError>((resume) => {
      const fail = (cause: unknown) => {
        clearTimeout(timer)
        const error = redisError(cause)
        // Noted here and not in the effect: the caller may be gone when it fails.
        onFailure(error)
        resume(Effect.fail(error))
      }
      const succeed = (answer: unknown) => {
        clearTimeout(timer)
        resume(Effect.succeed(answer as A))
      }
      // Not ioredis's own timeout: it takes an answer that lies unread, while this process is busy, for none. Here the
      // sockets are read once more before it is judged.
      const late = () => fail(new Error("Command timed out"))
      const timer = setTimeout(() => setImmediate(late), Duration.toMillis(timeout))
      call(client, command.toLowerCase(), [...args]).then(succeed, fail)
    })

// A script not known yet is loaded and run again: the one answer that is an error and no failure.
const isFailure = (error: Redis.RedisError): boolean => !String(error.cause).startsWith("NOSCRIPT")

const makeCircuit = (connection: Connection, timeout: Duration.Duration) => {
  let reachable = false
  let failures = 0
  let warned = false
  let reason = "no connection"

  const fail = () => {
    failures++
    reachable = false
  }
  for (const event of ["close", "-node", "node error"]) connection.on(event, fail)
  connection.on("error", (cause: Error) => {
    reason = cause.message
  })
  connection.once("ready", () => {
    reachable = true
  })
  const raw = sendOver(connection, timeout, (error) => {
    if (!isFailure(error)) return
    reason = String(error.cause)
    fail()
  })
  const send: Send = (command, ...args) => Effect.suspend(() => (reachable ? raw(command, ...args) : unreachable))

  const probe = Effect.gen(function* () {
    if (reachable) return
    if (!warned) {
      warned = true
      yield* Effect.logWarning("Redis is out of reach").pipe(Effect.annotateLogs({ reason }))
    }
    yield* raw("ping")
    reachable = true
    warned = false
    yield* Effect.logInfo("Redis is back")
  }).pipe(Effect.ignore)

  return { send, probe, failures: () => failures }
}
