// The plots of the console (decision 0046).
import { memo } from "react"
import type { PlotProps } from "./Plot.tsx"
import { runsOf, tickText, timeTicks, valueTicks } from "./PlotScale.ts"

/** The height of the picture, and the margins around its marks, in pixels. */
export const height = 168
export const margin = { top: 10, right: 10, bottom: 24, left: 56 }
const plotHeight = height - margin.top - margin.bottom

interface MarksProps extends Pick<PlotProps, "intervals" | "look" | "series" | "unit"> {
  readonly width: number
}

const highestOf = (series: PlotProps["series"]): number =>
  Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)))

/** Where values and intervals are in the picture. */
const scaleOf = ({ intervals: { count }, series, unit, width }: Omit<MarksProps, "look">) => {
  const ticks = valueTicks(unit, highestOf(series))
  const top = ticks.at(-1) ?? 1
  const band = (width - margin.left - margin.right) / count
  return {
    ticks,
    band,
    left: (index: number) => margin.left + index * band,
    middle: (index: number) => margin.left + (index + 0.5) * band,
    y: (value: number) => margin.top + plotHeight * (1 - value / top)
  }
}

/** The axes, the values and the gaps of a plot. */
export const PlotMarks = memo((props: MarksProps) => {
  const { intervals, look, series, unit, width } = props
  const scale = scaleOf(props)
  const right = width - margin.right
  const until = intervals.from + intervals.step * intervals.count
  // Intervals in which nothing is known.
  const gaps = runsOf(
    Array.from({ length: intervals.count }, (_, index) =>
      series.every(({ values }) => values[index] === null) ? 1 : null
    )
  )
  return (
    <>
      {gaps.map(([first, last]) => (
        <Gap key={first} left={scale.left(first)} right={scale.left(last + 1)} />
      ))}
      {scale.ticks.map((tick) => (
        <g key={tick}>
          <line
            className={tick === 0 ? "axis" : "grid"}
            x1={margin.left}
            x2={right}
            y1={scale.y(tick)}
            y2={scale.y(tick)}
          />
          <text x={margin.left - 8} y={scale.y(tick)} textAnchor="end" dominantBaseline="middle">
            {tickText(unit, tick)}
          </text>
        </g>
      ))}
      {timeTicks(intervals.from, until, Math.floor((right - margin.left) / 56)).map(({ at, label }) => {
        const x = margin.left + ((at - intervals.from) / (until - intervals.from)) * (right - margin.left)
        const bottom = margin.top + plotHeight
        return (
          <g key={at}>
            <line className="axis" x1={x} x2={x} y1={bottom} y2={bottom + 4} />
            <text x={Math.min(x, width - 22)} y={height - 4} textAnchor="middle">
              {label}
            </text>
          </g>
        )
      })}
      {series.map(({ name, values }, index) => (
        <g key={name} className={`series series-${index + 1}`}>
          {look === "bars" ? <Bars scale={scale} values={values} /> : <Lines scale={scale} values={values} />}
        </g>
      ))}
    </>
  )
})
PlotMarks.displayName = "PlotMarks"

const Gap = ({ left, right }: { left: number; right: number }) => (
  <g>
    <rect className="gap" x={left} y={margin.top} width={right - left} height={plotHeight} />
    {right - left < 90 ? null : (
      <text className="gap-text" x={(left + right) / 2} y={margin.top + plotHeight / 2} textAnchor="middle">
        no data
      </text>
    )}
  </g>
)

interface SeriesMarksProps {
  readonly scale: ReturnType<typeof scaleOf>
  readonly values: PlotProps["series"][number]["values"]
}

const Bars = ({ scale: { band, left, y }, values }: SeriesMarksProps) => {
  const gap = Math.min(2, band / 4)
  return values.map((value, index) =>
    value === null || value === 0 ? null : (
      <rect
        // oxlint-disable-next-line react/no-array-index-key
        key={index}
        x={left(index) + gap / 2}
        y={y(value)}
        width={band - gap}
        height={y(0) - y(value)}
      />
    )
  )
}

const Lines = ({ scale: { middle, y }, values }: SeriesMarksProps) =>
  runsOf(values).map(([first, last]) =>
    first === last ? (
      <circle key={first} cx={middle(first)} cy={y(values[first] ?? 0)} r={2} />
    ) : (
      <polyline
        key={first}
        points={values
          .slice(first, last + 1)
          .map((value, index) => `${middle(first + index).toFixed(1)},${y(value ?? 0).toFixed(1)}`)
          .join(" ")}
      />
    )
  )

/** The interval whose values are shown. */
export const PlotCursor = (props: MarksProps & { readonly cursor: number }) => {
  const { cursor, look, series } = props
  const { middle, y } = scaleOf(props)
  return (
    <>
      <line className="cursor" x1={middle(cursor)} x2={middle(cursor)} y1={margin.top} y2={margin.top + plotHeight} />
      {series.map(({ name, values }, index) => {
        const value = values[cursor] ?? null
        return value === null || look === "bars" ? null : (
          <circle key={name} className={`point series-${index + 1}`} cx={middle(cursor)} cy={y(value)} r={4} />
        )
      })}
    </>
  )
}
