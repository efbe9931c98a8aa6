import { Effect, Layer } from "effect"

/** The module of a command's program. */
interface Program<Input, A, E, R> {
  readonly run: (input: Input) => Effect.Effect<A, E, R>
}

/**
 * A handler that loads its program when the command runs. Loading the database driver, the services and the schemas takes
 * most of the start time of a command, and `--help` and a wrong call need none of them.
 */
export const load =
  <Input, A, E, R>(program: () => Promise<Program<Input, A, E, R>>) =>
  (input: Input): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.promise(program), ({ run }) => run(input))

/** The services of a program, loaded when the command runs. */
export const loadLayer = <A, E, R>(services: () => Promise<{ readonly layer: Layer.Layer<A, E, R> }>) =>
  Layer.unwrap(Effect.map(Effect.promise(services), ({ layer }) => layer))
