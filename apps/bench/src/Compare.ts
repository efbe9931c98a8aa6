import { Effect } from "effect"

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The medians of both sides, and the median of the ratios of the rounds (ours divided by the baseline). */
interface Comparison {
  readonly ours: number
  readonly baseline: number
  readonly ratio: number
}

/** The median of each field over several comparisons of one load. */
export const medians = (comparisons: ReadonlyArray<Comparison>): Comparison => ({
  ours: median(comparisons.map(({ ours }) => ours)),
  baseline: median(comparisons.map(({ baseline }) => baseline)),
  ratio: median(comparisons.map(({ ratio }) => ratio))
})

/**
 * Measures both sides alternately, in the order A B B A, so that other load on the machine affects both and neither is always
 * first. A first run of each side warms up and does not count.
 */
export const compare = Effect.fnUntraced(function* <E, R>(
  rounds: number,
  ours: Effect.Effect<number, E, R>,
  baseline: Effect.Effect<number, E, R>
) {
  yield* ours
  yield* baseline
  const pairs = yield* Effect.forEach(Array.from({ length: rounds }), (_, round) =>
    round % 2 === 0
      ? Effect.all([ours, baseline])
      : Effect.map(Effect.all([baseline, ours]), ([b, a]) => [a, b] as const)
  )
  return {
    ours: median(pairs.map(([a]) => a)),
    baseline: median(pairs.map(([, b]) => b)),
    ratio: median(pairs.map(([a, b]) => a / b))
  } satisfies Comparison
})
