import { Schema } from "effect"

/** What a figure must reach, as a ratio to its baseline. */
const Goal = Schema.Struct({
  must: Schema.Finite,
  aim: Schema.Finite,
  /** Whether a higher ratio is the better one. */
  better: Schema.Literals(["higher", "lower"])
})

/** One line of the table. */
export const Figure = Schema.Struct({
  id: Schema.String,
  /** What is measured, and beside what. */
  measure: Schema.String,
  unit: Schema.String,
  goal: Goal,
  ours: Schema.Finite,
  baseline: Schema.Finite,
  ratio: Schema.Finite
})
export type Figure = typeof Figure.Type

/** How many requests failed, of which there is to be none. */
export const failures = (id: string, measure: string, failed: number): Figure => ({
  id,
  measure,
  unit: "requests",
  goal: { must: 0, aim: 0, better: "lower" },
  ours: failed,
  baseline: 0,
  ratio: failed
})

export const reaches = ({ goal, ratio }: Pick<Figure, "goal" | "ratio">, wanted: "must" | "aim"): boolean =>
  goal.better === "higher" ? ratio >= goal[wanted] : ratio <= goal[wanted]
