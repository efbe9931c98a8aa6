import { Cause, Console, Effect, type Exit, Layer, type Runtime } from "effect"
import { describeCause, isDefect } from "./Failure.ts"
import { endOnRepeat } from "./RepeatedSignal.ts"

/** What tells one program from another. */
export interface Identity {
  /** As its traces name it. */
  readonly service: string
  readonly version: string
  /** The variable of the port that it listens on. */
  readonly portVariable: string
}

export interface LaunchOptions<Settings, F, LA, LE, A, E, R> {
  readonly identity: Identity
  readonly read: Effect.Effect<Settings, F>
  /** The logs and the traces, in place before the program is built. */
  readonly telemetry: (settings: Settings, identity: Identity) => Layer.Layer<LA, LE>
  readonly program: (settings: Settings) => Layer.Layer<A, E, R>
}

const what = "The program cannot start"

/**
 * Runs the program that `program` builds from the settings that `read` finds, until it is told to stop; see
 * {@link endOnRepeat} for when it is told twice. Whatever ends it
 * otherwise is one message on standard error, also where it happens before there is a log: a failure in words that an
 * operator can act on, a defect with its cause. A defect is logged too where the log works.
 */
export const launch = <Settings, F, LA, LE, A, E, R>({
  identity,
  program,
  read,
  telemetry
}: LaunchOptions<Settings, F, LA, LE, A, E, R>) =>
  Effect.map(read, (settings) =>
    // Suspended, so that the log is there when putting the layers together throws.
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

/** 0 for a stop that was asked for, 1 for a failure. */
export const teardown: Runtime.Teardown = <E, A>(exit: Exit.Exit<A, E>, onExit: (code: number) => void) =>
  onExit(exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause) ? 1 : 0)
