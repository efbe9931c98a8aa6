import { type Figure, reaches } from "./Figure.ts"

const width = 880
const rowHeight = 34
const left = 400
const scale = width - left - 90

// The progress of a figure towards its goal: 1 is its "must". If lower is better, the ratio is inverted.
const progress = ({ goal, ratio }: Figure, of: number = ratio): number =>
  goal.better === "higher" ? of / goal.must : goal.must / Math.max(of, Number.EPSILON)

const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const colourOf = (figure: Figure): string => {
  if (!reaches(figure, "must")) return "#c0392b"
  return reaches(figure, "aim") ? "#1e8449" : "#b7950b"
}

const row = (figure: Figure, index: number, furthest: number): string => {
  const y = 40 + index * rowHeight
  const at = (value: number) => left + (Math.min(value, furthest) / furthest) * scale
  const aim = at(progress(figure, figure.goal.aim))
  const [short = ""] = figure.measure.split(", over")
  return `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escapeXml(`${figure.id} ${short}`)}</text>
<rect x="${left}" y="${y}" width="${(at(progress(figure)) - left).toFixed(1)}" height="20" fill="${colourOf(figure)}"/>
<line x1="${aim.toFixed(1)}" x2="${aim.toFixed(1)}" y1="${y - 3}" y2="${y + 23}" stroke="#1e8449" stroke-width="2"/>
<text x="${(at(progress(figure)) + 6).toFixed(1)}" y="${y + 15}">${figure.ratio.toPrecision(3)}</text>`
}

/** The progress of each figure as a bar. The black line is "must", the green lines are "aim". */
export const svg = (figures: ReadonlyArray<Figure>): string => {
  const drawn = figures.filter((figure) => figure.goal.must > 0)
  const furthest = Math.min(4, Math.max(2, ...drawn.map((figure) => progress(figure))))
  const height = 60 + drawn.length * rowHeight
  const must = left + scale / furthest
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${must.toFixed(1)}" y="22" text-anchor="middle">must</text>
${drawn.map((figure, index) => row(figure, index, furthest)).join("\n")}
<line x1="${must.toFixed(1)}" x2="${must.toFixed(1)}" y1="28" y2="${height - 20}" stroke="#000000" stroke-width="1.5"/>
</svg>
`
}
