import { type Figure, reaches } from "./Figure.ts"

const format = (value: number): string => {
  if (Number.isNaN(value)) return "-"
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)))
}

const verdict = (figure: Figure): string => {
  if (!reaches(figure, "must")) return "missed"
  return reaches(figure, "aim") ? "aim" : "must"
}

/** The figures as a Markdown table. */
export const table = (figures: ReadonlyArray<Figure>): string =>
  [
    "| # | Measure and its baseline | Ours | Baseline | Ratio | Must | Aim | Reached |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ...figures.map((figure) => {
      const { baseline, goal, id, measure, ours, ratio, unit } = figure
      const cells = [
        id,
        `${measure} (${unit})`,
        format(ours),
        format(baseline),
        format(ratio),
        format(goal.must),
        format(goal.aim),
        verdict(figure)
      ]
      return `| ${cells.join(" | ")} |`
    })
  ].join("\n")

const begin = "<!-- figures: written by the bench -->"
const end = "<!-- /figures -->"

/** Inserts the conditions and the table into the README, between its markers. */
export const intoReadme = (readme: string, conditions: string, figures: ReadonlyArray<Figure>): string => {
  const [before, rest = ""] = readme.split(begin)
  const [, after] = rest.split(end)
  if (after === undefined) throw new Error(`The README has no place for figures: ${begin} ... ${end}`)
  return `${before}${begin}\n\n${conditions}\n\n${table(figures)}\n\n![The figures beside their goals](figures.svg)\n\n${end}${after}`
}
