import * as Logs from "@user-service/telemetry/Logs"
import * as Tracing from "@user-service/telemetry/Tracing"
import { Cause, Console, Effect, type Exit, Layer, Predicate, type Runtime } from "effect"
import { FetchHttpClient, HttpServerError } from "effect/http"
import { version } from "./Version.ts"
import { read, type WorkerSettings } from "./WorkerSettings.ts"

const hasMessage = (error: unknown): error is { readonly message: string } =>
  Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""

// What an operator can act on, in one sentence.
const describe = (error: unknown): string => {
  if (error instanceof HttpServerError.ServeError) {
    const { cause } = error
    return `Cannot listen where HOST and WORKER_PORT say: ${hasMessage(cause) ? cause.message : String(cause)}`
  }
  return hasMessage(error) ? error.message : String(error)
}

/** Runs the program until it is told to stop. A failure to start is one message on standard error. */
export const launch = <A, E, R>(program: (settings: WorkerSettings) => Layer.Layer<A, E, R>) =>
  Effect.map(read, (settings) =>
    program(settings).pipe(
      Layer.tapCause((cause) =>
        Cause.hasDies(cause) ? Effect.logFatal("The worker cannot start, for a reason of ours", cause) : Effect.void
      ),
      Layer.provide(Tracing.layer(settings.tracing, { serviceName: "user-service-worker", serviceVersion: version })),
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
