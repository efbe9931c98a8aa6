import { Cause, Console, Effect, type Exit, Layer, type Runtime } from "effect"
import { FetchHttpClient } from "effect/http"
import { SqlError } from "effect/sql"
import { describe } from "./Failure.ts"
import * as Logs from "./Logs.ts"
import type { LogSettings } from "./LogSink.ts"
import * as Tracing from "./Tracing.ts"

/** What tells one program from another. */
export interface Identity {
  /** As its traces name it. */
  readonly service: string
  readonly version: string
  /** The variable of the port that it listens on. */
  readonly portVariable: string
}

// What the database refuses is for the operator to see to, however deep in the start it was met.
const refusal = <E>(cause: Cause.Cause<E>): Layer.Layer<never, E | SqlError.SqlError> => {
  const error = Cause.squash(cause)
  return Layer.effectDiscard(
    Effect.failCause<E | SqlError.SqlError>(SqlError.isSqlError(error) ? Cause.fail(error) : cause)
  )
}

/**
 * Runs a program of layers, over the settings that `read` finds, until it is told to stop. A failure to start is one
 * message on standard error; a defect is logged with its cause, by the logger that masks credentials.
 */
export const launch = <
  Settings extends { readonly logs: LogSettings; readonly tracing: Tracing.TracingSettings },
  F,
  A,
  E,
  R
>(
  { portVariable, service, version }: Identity,
  read: Effect.Effect<Settings, F>,
  program: (settings: Settings) => Layer.Layer<A, E, R>
) =>
  Effect.map(read, (settings) =>
    program(settings).pipe(
      Layer.catchCause(refusal),
      Layer.tapCause((cause) =>
        Cause.hasDies(cause) ? Effect.logFatal("The program cannot start, for a reason of ours", cause) : Effect.void
      ),
      Layer.provide(Tracing.layer(settings.tracing, { serviceName: service, serviceVersion: version })),
      Layer.provide([Logs.layer(settings.logs), FetchHttpClient.layer])
    )
  ).pipe(
    Layer.unwrap,
    Layer.launch,
    Effect.tapError((error) => Console.error(describe(error, portVariable)))
  )

/** 0 for a stop that was asked for, 1 for a failure. */
export const teardown: Runtime.Teardown = <E, A>(exit: Exit.Exit<A, E>, onExit: (code: number) => void) =>
  onExit(exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause) ? 1 : 0)
