import * as Logs from "@user-service/telemetry/Logs"
import { Cause, Console, Effect, type Exit, Layer, Predicate, type Runtime } from "effect"
import { HttpServerError } from "effect/http"
import { type ApiSettings, read } from "./ApiSettings.ts"

const isListenError = (cause: unknown): cause is { readonly code: string; readonly port: number } =>
  Predicate.hasProperty(cause, "code") && Predicate.hasProperty(cause, "port")

// What an operator can act on, in one sentence.
const describe = (error: unknown): string => {
  if (error instanceof HttpServerError.ServeError && isListenError(error.cause)) {
    const { code, port } = error.cause
    return code === "EADDRINUSE"
      ? `Port ${port} is in use: set PORT to another`
      : `Cannot listen on port ${port}: ${code}`
  }
  return Predicate.hasProperty(error, "message") && typeof error.message === "string" ? error.message : String(error)
}

/**
 * Runs a program of layers until it is told to stop. A failure to start is one message on standard error; a defect is
 * logged with its cause, by the logger that masks credentials.
 */
export const launch = <A, E, R>(program: (settings: ApiSettings) => Layer.Layer<A, E, R>) =>
  Effect.map(read, (settings) =>
    program(settings).pipe(
      Layer.tapCause((cause) =>
        Cause.hasDies(cause) ? Effect.logFatal("The service cannot start, for a reason of ours", cause) : Effect.void
      ),
      Layer.provide(Logs.layer(settings.logs))
    )
  ).pipe(
    Layer.unwrap,
    Layer.launch,
    Effect.tapError((error) => Console.error(describe(error)))
  )

/** 0 for a stop that was asked for, 1 for a failure. */
export const teardown: Runtime.Teardown = <E, A>(exit: Exit.Exit<A, E>, onExit: (code: number) => void) =>
  onExit(exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause) ? 1 : 0)
