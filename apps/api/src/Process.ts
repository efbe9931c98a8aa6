import * as Logs from "@user-service/telemetry/Logs"
import * as Tracing from "@user-service/telemetry/Tracing"
import { Cause, Console, Effect, type Exit, Layer, Predicate, type Runtime } from "effect"
import { FetchHttpClient, HttpServerError } from "effect/http"
import { SqlError } from "effect/sql"
import { type ApiSettings, read } from "./ApiSettings.ts"
import { version } from "./Version.ts"

// The innermost cause has it in the words of whoever refused.
const wordsOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "cause") && error.cause !== undefined) return wordsOf(error.cause)
  return Predicate.hasProperty(error, "message") && error.message !== "" ? String(error.message) : String(error)
}

// What an operator can act on, in one sentence.
const describe = (error: unknown): string => {
  const words = wordsOf(error)
  if (SqlError.isSqlError(error)) return `The database refuses: ${words}`
  if (error instanceof HttpServerError.ServeError) {
    const { cause } = error
    return Predicate.hasProperty(cause, "code") && cause.code === "EADDRINUSE" && Predicate.hasProperty(cause, "port")
      ? `Port ${String(cause.port)} is in use: set PORT to another`
      : `Cannot listen where HOST and PORT say: ${words}`
  }
  return Predicate.isError(error) && error.message !== words ? `${error.message}: ${words}` : words
}

// What the database refuses is for the operator to see to, however deep in the start it was met.
const refusal = <E>(cause: Cause.Cause<E>): Layer.Layer<never, E | SqlError.SqlError> => {
  const error = Cause.squash(cause)
  return Layer.effectDiscard(
    Effect.failCause<E | SqlError.SqlError>(SqlError.isSqlError(error) ? Cause.fail(error) : cause)
  )
}

/**
 * Runs a program of layers until it is told to stop. A failure to start is one message on standard error; a defect is
 * logged with its cause, by the logger that masks credentials.
 */
export const launch = <A, E, R>(program: (settings: ApiSettings) => Layer.Layer<A, E, R>) =>
  Effect.map(read, (settings) =>
    program(settings).pipe(
      Layer.catchCause(refusal),
      Layer.tapCause((cause) =>
        Cause.hasDies(cause) ? Effect.logFatal("The service cannot start, for a reason of ours", cause) : Effect.void
      ),
      Layer.provide(Tracing.layer(settings.tracing, { serviceName: "user-service", serviceVersion: version })),
      Layer.provide([Logs.layer(settings.logs), FetchHttpClient.layer])
    )
  ).pipe(
    Layer.unwrap,
    Layer.launch,
    Effect.tapError((error) => Console.error(describe(error)))
  )

/** 0 for a stop that was asked for, 1 for a failure. */
export const teardown: Runtime.Teardown = <E, A>(exit: Exit.Exit<A, E>, onExit: (code: number) => void) =>
  onExit(exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause) ? 1 : 0)
