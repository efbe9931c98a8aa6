import { Duration, Effect, Random } from "effect"

const shortest = 50
const longest = 3000
// What held for so long begins anew with the shortest wait.
const steady = Duration.seconds(10)

/**
 * Runs what ends only by failing, again and again. The wait between grows from 50 ms to 3 s, less up to half of it by chance,
 * so that many processes do not come back as one.
 */
export const forever = <E, R>(
  run: Effect.Effect<never, E, R>,
  onFailure: (error: E) => Effect.Effect<void>
): Effect.Effect<never, never, R> =>
  Effect.suspend(() => {
    let failures = 0
    return Effect.timed(Effect.flip(run)).pipe(
      Effect.tap(([, error]) => onFailure(error)),
      Effect.flatMap(([held]) => {
        failures = Duration.isGreaterThanOrEqualTo(held, steady) ? 0 : failures
        return wait(failures++)
      }),
      Effect.forever
    )
  })

const wait = (failures: number) =>
  Effect.flatMap(Random.nextBetween(0.5, 1), (part) => Effect.sleep(part * Math.min(longest, shortest * 2 ** failures)))
