import { Link, type LinkProps } from "@tanstack/react-router"
import type { ReactNode } from "react"

interface Column<Row> {
  readonly title: string
  /** The link that sorts the rows by this column, and how they are sorted by it now. */
  readonly sort?: { readonly direction: "ascending" | "descending" | undefined; readonly link: LinkProps }
  readonly cell: (row: Row) => ReactNode
}

interface DataTableProps<Row> {
  readonly label: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string
  /** The text for a table without rows. */
  readonly empty: string
}

const arrows = { ascending: " ↑", descending: " ↓", none: "" } as const

/** A table, or a text if it has no rows. On narrow screens each row is a list of its cells. */
export const DataTable = <Row,>({ columns, empty, keyOf, label, rows }: DataTableProps<Row>) =>
  rows.length === 0 ? (
    <p className="soft">{empty}</p>
  ) : (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className="scroll" aria-label={`${label}: table`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ sort, title }) => (
              <th key={title} scope="col" aria-sort={sort?.direction}>
                {sort === undefined ? (
                  title
                ) : (
                  <Link {...sort.link}>
                    {title}
                    <span aria-hidden="true">{arrows[sort.direction ?? "none"]}</span>
                  </Link>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ cell, title }) => (
                <td key={title} data-title={title}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
