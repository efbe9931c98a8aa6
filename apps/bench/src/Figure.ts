import type { Compared } from "./Compare.ts"

/** What a figure must reach, as a ratio to its baseline. */
interface Goal {
  readonly must: number
  readonly aim: number
  /** Whether a higher ratio is the better one. */
  readonly better: "higher" | "lower"
}

/** One line of the table. */
export interface Figure extends Compared {
  readonly id: string
  /** What is measured, and beside what. */
  readonly measure: string
  readonly unit: string
  readonly goal: Goal
}

export const reaches = ({ goal, ratio }: Pick<Figure, "goal" | "ratio">, wanted: "must" | "aim"): boolean =>
  goal.better === "higher" ? ratio >= goal[wanted] : ratio <= goal[wanted]
