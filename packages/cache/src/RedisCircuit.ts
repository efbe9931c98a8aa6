// A circuit breaker that a background probe closes, not a request (decision 0006).
import { Duration, Effect } from "effect"
import { Redis } from "effect/persistence"
import { Redis as Client } from "ioredis"
import { call, clusterError, commandTimeout, type Connection, type RedisSettings } from "./RedisConnection.ts"
import { clusterNodeProblem, problemOf, sentinelProblem } from "./RedisProblem.ts"

/** A circuit breaker: sends commands while Redis answers, and fails them immediately otherwise. */
export interface RedisCircuit {
  readonly send: Send
  /** Pings Redis while the circuit is open, and closes the circuit when Redis answers. */
  readonly probe: Effect.Effect<void>
  /** How many commands and connections have failed so far. */
  readonly failures: () => number
  /** The last known reason why Redis cannot be used, for an operator. */
  readonly problem: () => string
}

type Send = <A = unknown>(command: string, ...args: ReadonlyArray<string>) => Effect.Effect<A, Redis.RedisError>

/** Contains neither the command nor its arguments, which are keys, values or (for AUTH) the password. */
export const redisError = (cause: unknown): Redis.RedisError => new Redis.RedisError({ cause: messageOf(cause) })

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message.replace(/,? with args beginning with:.*$/s, "") : "unknown failure"

const unreachable = Effect.fail(new Redis.RedisError({ cause: "Redis is out of reach" }))

/** Sends commands over the connection. `onFailure` gets the error of ioredis, even if the caller was interrupted before. */
export const sendOver =
  (client: Connection, timeout: Duration.Duration, onFailure: (cause: unknown) => void = () => {}): Send =>
  <A>(command: string, ...args: ReadonlyArray<string>) =>
    Effect.callback<A, Redis.RedisError>((resume) => {
      const fail = (cause: unknown) => {
        clearTimeout(timer)
        onFailure(cause)
        resume(Effect.fail(redisError(cause)))
      }
      const succeed = (answer: unknown) => {
        clearTimeout(timer)
        resume(Effect.succeed(answer as A))
      }
      // Not ioredis's own timeout: when this process was busy, it rejects commands whose answers have arrived but are unread.
      // `setImmediate` reads the sockets once more first. Not Effect's clock either: its fibers cost 4 µs per command.
      const late = () => fail(new Error("Command timed out"))
      const timer = setTimeout(() => setImmediate(late), Duration.toMillis(timeout))
      call(client, command.toLowerCase(), [...args]).then(succeed, fail)
    })

// NOSCRIPT is no failure: the client then loads the script and runs it again.
const isFailure = (cause: unknown): boolean => !messageOf(cause).startsWith("NOSCRIPT")

export const make = (connection: Connection, settings: RedisSettings): RedisCircuit => {
  const timeout = settings.commandTimeout ?? commandTimeout
  let reachable = false
  let failures = 0
  let hasWarned = false
  let hasProbed = false
  let problem: string | undefined
  // An error between connecting and being ready that ioredis ignores, such as SELECT of a missing database.
  let handshakeError: unknown

  const recordProblem = (cause: unknown) => {
    problem = problemOf(cause) ?? problem
  }
  const recordFailure = () => {
    failures++
    reachable = false
  }
  for (const event of ["close", "-node", "node error"]) connection.on(event, recordFailure)
  connection.on("node error", recordProblem)
  connection.on("connect", () => {
    handshakeError = undefined
  })
  connection.on("error", (cause: unknown) => {
    handshakeError = cause
    recordProblem(cause)
  })
  const onFailure = (cause: unknown) => {
    if (!isFailure(cause)) return
    recordProblem(cause)
    recordFailure()
  }
  const raw = sendOver(connection, timeout, onFailure)
  const patient = sendOver(connection, Duration.seconds(1), onFailure)
  const send: Send = (command, ...args) => Effect.suspend(() => (reachable ? raw(command, ...args) : unreachable))

  const refuse = (cause: unknown) =>
    Effect.suspend(() => {
      recordProblem(cause)
      return Effect.fail(redisError(cause))
    })

  // A single node of a cluster answers, but only has the keys of its own slots.
  const checkMode = Effect.gen(function* () {
    if (!(connection instanceof Client)) return
    const info = yield* Effect.orElseSucceed(sendOver(connection, timeout)<string>("info", "server"), () => "")
    const mode = /^redis_mode:(\w+)/m.exec(info)?.[1]
    if (mode === "cluster") return yield* refuse(new Error(clusterNodeProblem))
    if (mode === "sentinel") return yield* refuse(new Error(sentinelProblem))
  })

  const warn = Effect.suspend(() => {
    if (hasWarned) return Effect.void
    hasWarned = true
    return Effect.annotateLogs(Effect.logWarning("Redis is out of reach"), {
      reason: problem ?? "no connection",
      variable: "REDIS_URL"
    })
  })

  const explain = Effect.suspend(() =>
    problem === undefined && !(connection instanceof Client)
      ? Effect.map(
          Effect.promise(() => clusterError(settings)),
          recordProblem
        )
      : Effect.void
  )

  const probe = Effect.gen(function* () {
    if (reachable) return
    // The first probe has more time, because the connections to the nodes of a cluster are not open yet.
    const ping = hasProbed ? raw("ping") : patient("ping")
    if (hasProbed) yield* warn
    hasProbed = true
    yield* ping
    if (handshakeError !== undefined) return yield* refuse(handshakeError)
    yield* checkMode
    reachable = true
    problem = undefined
    if (hasWarned) yield* Effect.logInfo("Redis is back")
    hasWarned = false
  }).pipe(
    Effect.tapError(() => Effect.andThen(explain, warn)),
    Effect.ignore
  )

  return { send, probe, failures: () => failures, problem: () => problem ?? "no answer in time" }
}
