import { Schema } from "effect"

/** The goal of a figure, as a ratio to its baseline. */
const Goal = Schema.Struct({
  must: Schema.Finite,
  aim: Schema.Finite,
  /** Whether a higher or a lower ratio is better. */
  better: Schema.Literals(["higher", "lower"])
})

/** A row of the table. */
export const Figure = Schema.Struct({
  id: Schema.String,
  /** The measure and its baseline. */
  measure: Schema.String,
  unit: Schema.String,
  goal: Goal,
  ours: Schema.Finite,
  baseline: Schema.Finite,
  ratio: Schema.Finite
})
export type Figure = typeof Figure.Type

/** The number of failed requests. The goal is zero. */
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
