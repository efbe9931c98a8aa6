import { Cause, Console, Effect, type Exit, Layer, type Runtime } from "effect"
import { describeCause, isDefect } from "./Failure.ts"
import { endOnRepeat } from "./RepeatedSignal.ts"

/** The identity of a program. */
export interface Identity {
  /** Its name in traces. */
  readonly service: string
  readonly version: string
  /** The environment variable of the port that it listens on. */
  readonly portVariable: string
}

export interface LaunchOptions<Settings, F, LA, LE, A, E, R> {
  readonly identity: Identity
  readonly read: Effect.Effect<Settings, F>
  /** Logs and traces, built before the program. */
  readonly telemetry: (settings: Settings, identity: Identity) => Layer.Layer<LA, LE>
  readonly program: (settings: Settings) => Layer.Layer<A, E, R>
}

const what = "The program cannot start"

/**
 * Reads the settings, builds the program and runs it until a signal stops it (see {@link endOnRepeat} for a second signal). Any other end
 * is reported on standard error, even before the log works: a failure in one sentence for the operator, a defect with its
 * cause. A defect is also logged if the log works.
 */
export const launch = <Settings, F, LA, LE, A, E, R>({
  identity,
  program,
  read,
  telemetry
}: LaunchOptions<Settings, F, LA, LE, A, E, R>) =>
  Effect.map(read, (settings) =>
    // Suspended, so that an exception while composing the layers is logged.
    Layer.suspend(() => program(settings)).pipe(
      Layer.tapCause((cause) => (isDefect(cause) ? Effect.logFatal(what, cause) : Effect.void)),
      Layer.provide(telemetry(settings, identity))
    )
  ).pipe(
    Layer.unwrap,
    (program) => Effect.andThen(endOnRepeat(), Layer.launch(program)),
    Effect.scoped,
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Console.error(describeCause(cause, { what, portVariable: identity.portVariable }))
    )
  )

/** Exit code 0 after a signal, 1 after a failure. */
export const teardown: Runtime.Teardown = <E, A>(exit: Exit.Exit<A, E>, onExit: (code: number) => void) =>
  onExit(exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause) ? 1 : 0)
