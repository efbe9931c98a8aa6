// The plots of the console (decision 0046).
import { useState } from "react"
import { DataTable } from "./DataTable.tsx"
import type { PlotProps } from "./Plot.tsx"
import { intervalText, valueText } from "./PlotScale.ts"

interface ValuesProps extends Pick<PlotProps, "intervals" | "series" | "title" | "unit"> {
  readonly indexes: ReadonlyArray<number>
}

/** The values of the plot as a table, the latest first. It has hundreds of rows, so it is there only once it is opened. */
export const PlotValues = (props: Omit<ValuesProps, "indexes">) => {
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
