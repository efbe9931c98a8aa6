// The plots of the console (decision 0046).
import { type PointerEvent, useId, useLayoutEffect, useRef, useState } from "react"
import { height, margin, PlotCursor, PlotMarks } from "./PlotMarks.tsx"
import { intervalText, type PlotUnit, valueText } from "./PlotScale.ts"
import { PlotValues } from "./PlotValues.tsx"

interface PlotSeries {
  readonly name: string
  /** One value for each interval. Null if it is unknown. */
  readonly values: ReadonlyArray<number | null>
}

/** The intervals of plots, one after the other. */
interface PlotIntervals {
  /** The start of the first one, in milliseconds. */
  readonly from: number
  /** The length of each, in milliseconds. */
  readonly step: number
  readonly count: number
}

export interface PlotProps {
  readonly title: string
  /** What a value is, for example "per minute". */
  readonly measure: string
  readonly unit: PlotUnit
  /** Bars for counts of one kind, lines for samples and for several series. At most four series. */
  readonly look: "bars" | "lines"
  readonly intervals: PlotIntervals
  readonly series: ReadonlyArray<PlotSeries>
  /** The number of the interval whose values are shown, or null for the last one. */
  readonly cursor: number | null
  readonly onCursor: (cursor: number | null) => void
}

/**
 * Values over time. The pointer and the arrow keys choose the interval whose values are shown. Several plots with the same intervals
 * can share their cursor.
 */
export const Plot = (props: PlotProps) => {
  const { cursor, intervals, measure, onCursor, series, title, unit } = props
  const id = useId()
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const shown = Math.min(cursor ?? intervals.count - 1, intervals.count - 1)
  const time = intervalText(intervals.from + shown * intervals.step, intervals.step)
  const texts = series.map(({ name, values }) => `${name} ${valueText(unit, values[shown] ?? null)}`)

  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left - margin.left
    const index = Math.floor((x / (width - margin.left - margin.right)) * intervals.count)
    onCursor(Math.max(0, Math.min(intervals.count - 1, index)))
  }

  return (
    <section className="card plot" aria-labelledby={id}>
      <header>
        <h3 id={id}>{title}</h3>
        <p className="soft">{time}</p>
      </header>
      <p className="soft">{measure}</p>
      <div className="plot-values">
        {series.length === 1
          ? series.map(({ name, values }) => <Value key={name} unit={unit} value={values[shown] ?? null} />)
          : series.map(({ name, values }, index) => (
              <div key={name}>
                <Swatch index={index} />
                <span className="soft">{name}</span> <Value unit={unit} value={values[shown] ?? null} />
              </div>
            ))}
      </div>
      <div
        ref={frame}
        className="plot-frame"
        onPointerMove={onPointerMove}
        onPointerDown={onPointerMove}
        onPointerLeave={() => onCursor(null)}
      >
        <input
          type="range"
          min={0}
          max={intervals.count - 1}
          value={shown}
          aria-label={`${title}: time`}
          aria-valuetext={`${time}: ${texts.join(", ")}`}
          onChange={(event) => onCursor(Number(event.target.value))}
          onFocus={() => onCursor(shown)}
          onKeyDown={(event) => (event.key === "Escape" ? onCursor(null) : undefined)}
          onBlur={() => onCursor(null)}
        />
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          <PlotMarks intervals={intervals} look={props.look} series={series} unit={unit} width={width} />
          {cursor === null ? null : <PlotCursor {...props} cursor={shown} width={width} />}
        </svg>
      </div>
      <PlotValues intervals={intervals} series={series} title={title} unit={unit} />
    </section>
  )
}

const Value = ({ unit, value }: { unit: PlotUnit; value: number | null }) => (
  <strong className={value === null ? "soft" : undefined}>{valueText(unit, value)}</strong>
)

const useWidth = (element: { readonly current: HTMLElement | null }): number => {
  const [width, setWidth] = useState(480)
  useLayoutEffect(() => {
    const { current } = element
    if (current === null) return
    const measure = () => setWidth(Math.max(200, Math.floor(current.clientWidth)))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(current)
    return () => observer.disconnect()
  }, [element])
  return width
}

const Swatch = ({ index }: { index: number }) => (
  <svg className="swatch" width={22} height={8} aria-hidden="true">
    <g className={`series series-${index + 1}`}>
      <line x1={0} x2={22} y1={4} y2={4} />
    </g>
  </svg>
)
