import { Duration, Effect } from "effect"
import { Redis } from "effect/persistence"
import { Redis as Client } from "ioredis"
import { call, clusterError, commandTimeout, type Connection, type RedisSettings } from "./RedisConnection.ts"
import { isOfCluster, isSentinel, problemOf } from "./RedisProblem.ts"

/** Lets commands through while Redis answers, and else fails them at once. */
export interface RedisCircuit {
  readonly send: Send
  /** Looks whether Redis answers where it did not. */
  readonly probe: Effect.Effect<void>
  /** How many commands and connections have failed so far. */
  readonly failures: () => number
  /** Why Redis cannot be used, as far as is known, in words for an operator. */
  readonly problem: () => string
}

type Send = <A = unknown>(command: string, ...args: ReadonlyArray<string>) => Effect.Effect<A, Redis.RedisError>

/** Holds neither the command nor its arguments, which are keys, values, on AUTH the password. */
export const redisError = (cause: unknown): Redis.RedisError => new Redis.RedisError({ cause: messageOf(cause) })

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message.replace(/,? with args beginning with:.*$/s, "") : "unknown failure"

const unreachable = Effect.fail(new Redis.RedisError({ cause: "Redis is out of reach" }))

/** Sends over the connection; `onFailure` is called with what ioredis fails with, also where the caller is gone by then. */
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
      // Not ioredis's own timeout: it takes an answer that lies unread, while this process is busy, for none. Here the
      // sockets are read once more before it is judged. Not of Effect's clock either: its fibers cost each command 4 µs more.
      const late = () => fail(new Error("Command timed out"))
      const timer = setTimeout(() => setImmediate(late), Duration.toMillis(timeout))
      call(client, command.toLowerCase(), [...args]).then(succeed, fail)
    })

// A script not known yet is loaded and run again: the one answer that is an error and no failure.
const isFailure = (cause: unknown): boolean => !messageOf(cause).startsWith("NOSCRIPT")

export const make = (connection: Connection, settings: RedisSettings): RedisCircuit => {
  const timeout = settings.commandTimeout ?? commandTimeout
  let reachable = false
  let failures = 0
  let isWarned = false
  let hasProbed = false
  let problem: string | undefined
  // What failed between connecting and being ready, and did not keep ioredis from being ready: the choice of a database.
  let rejected: unknown

  const note = (cause: unknown) => {
    problem = problemOf(cause) ?? problem
  }
  const fail = () => {
    failures++
    reachable = false
  }
  for (const event of ["close", "-node", "node error"]) connection.on(event, fail)
  connection.on("node error", note)
  connection.on("connect", () => {
    rejected = undefined
  })
  connection.on("error", (cause: unknown) => {
    rejected = cause
    note(cause)
  })
  const onFailure = (cause: unknown) => {
    if (!isFailure(cause)) return
    note(cause)
    fail()
  }
  const raw = sendOver(connection, timeout, onFailure)
  const patient = sendOver(connection, Duration.seconds(1), onFailure)
  const send: Send = (command, ...args) => Effect.suspend(() => (reachable ? raw(command, ...args) : unreachable))

  const refuse = (cause: unknown) =>
    Effect.suspend(() => {
      note(cause)
      return Effect.fail(redisError(cause))
    })

  // A single node of a cluster answers, but has the keys of its own slots alone.
  const checkMode = Effect.gen(function* () {
    if (!(connection instanceof Client)) return
    const info = yield* Effect.orElseSucceed(sendOver(connection, timeout)<string>("info", "server"), () => "")
    const mode = /^redis_mode:(\w+)/m.exec(info)?.[1]
    if (mode === "cluster") return yield* refuse(new Error(isOfCluster))
    if (mode === "sentinel") return yield* refuse(new Error(isSentinel))
  })

  const warn = Effect.suspend(() => {
    if (isWarned) return Effect.void
    isWarned = true
    return Effect.annotateLogs(Effect.logWarning("Redis is out of reach"), {
      reason: problem ?? "no connection",
      variable: "REDIS_URL"
    })
  })

  const explain = Effect.suspend(() =>
    problem === undefined && !(connection instanceof Client)
      ? Effect.map(
          Effect.promise(() => clusterError(settings)),
          note
        )
      : Effect.void
  )

  const probe = Effect.gen(function* () {
    if (reachable) return
    // Before the first, nothing is known, and the connections to a cluster's nodes have to be made yet.
    const ping = hasProbed ? raw("ping") : patient("ping")
    if (hasProbed) yield* warn
    hasProbed = true
    yield* ping
    if (rejected !== undefined) return yield* refuse(rejected)
    yield* checkMode
    reachable = true
    problem = undefined
    if (isWarned) yield* Effect.logInfo("Redis is back")
    isWarned = false
  }).pipe(
    Effect.tapError(() => Effect.andThen(explain, warn)),
    Effect.ignore
  )

  return { send, probe, failures: () => failures, problem: () => problem ?? "no answer in time" }
}
