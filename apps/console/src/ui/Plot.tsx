// The plots of the console (decision 0046).
import { memo, type PointerEvent, useId, useLayoutEffect, useRef, useState } from "react"
import { DataTable } from "./DataTable.tsx"
import { intervalText, type PlotUnit, runsOf, tickText, timeTicks, valueText, valueTicks } from "./PlotScale.ts"

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

const height = 168
const margin = { top: 10, right: 10, bottom: 24, left: 56 }
const plotHeight = height - margin.top - margin.bottom

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
          {cursor === null ? null : <Cursor {...props} cursor={shown} width={width} />}
        </svg>
      </div>
      <Values intervals={intervals} series={series} title={title} unit={unit} />
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

interface MarksProps extends Pick<PlotProps, "intervals" | "look" | "series" | "unit"> {
  readonly width: number
}

const highestOf = (series: ReadonlyArray<PlotSeries>): number =>
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

const PlotMarks = memo((props: MarksProps) => {
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
  readonly values: PlotSeries["values"]
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

const Cursor = (props: MarksProps & { readonly cursor: number }) => {
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

const Swatch = ({ index }: { index: number }) => (
  <svg className="swatch" width={22} height={8} aria-hidden="true">
    <g className={`series series-${index + 1}`}>
      <line x1={0} x2={22} y1={4} y2={4} />
    </g>
  </svg>
)

interface ValuesProps extends Pick<PlotProps, "intervals" | "series" | "title" | "unit"> {
  readonly indexes: ReadonlyArray<number>
}

/** The values of the plot as a table, the latest first. It has hundreds of rows, so it is there only once it is opened. */
const Values = (props: Omit<ValuesProps, "indexes">) => {
  const [isOpen, setOpen] = useState(false)
  const indexes = Array.from({ length: props.intervals.count }, (_, index) => props.intervals.count - 1 - index)
  return (
    <details className="plot-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Values<span className="visually-hidden"> of {props.title}</span>
      </summary>
      {isOpen ? <ValuesTable {...props} indexes={indexes} /> : null}
    </details>
  )
}

const ValuesTable = ({ indexes, intervals: { from, step }, series, title, unit }: ValuesProps) => (
  <DataTable
    label={title}
    empty="None."
    rows={indexes}
    keyOf={(index) => `${from + index * step}`}
    columns={[
      { title: "Time", cell: (index) => intervalText(from + index * step, step) },
      ...series.map(({ name, values }) => ({
        title: name,
        cell: (index: number) => valueText(unit, values[index] ?? null)
      }))
    ]}
  />
)
