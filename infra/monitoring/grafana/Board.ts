// The parts of the boards, with the types of Grafana's own schema.
import {
  type Dashboard,
  DashboardCursorSync,
  type Panel,
  type RowPanel,
  VariableHide,
  VariableRefresh
} from "@grafana/schema"

/** A query and the text of its legend, in which `{{label}}` is the value of a label. */
export type Query = readonly [legend: string, expr: string]

/** A panel without its place and id. */
export interface Chart {
  readonly kind: "stat" | "timeseries"
  readonly title: string
  /** What the panel answers, and which values are unusual. */
  readonly description: string
  /** The id of one of Grafana's units. */
  readonly unit: string
  readonly queries: ReadonlyArray<Query>
}

interface Section {
  readonly title: string
  readonly charts: ReadonlyArray<Chart>
}

export interface Board {
  /** Stable, as links to the board contain it. */
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly sections: ReadonlyArray<Section>
}

/** The filter of a selector by the variables of the board. */
export const filter = `job=~"$job", instance=~"$instance"`

/** The rate of a counter, summed by labels. */
export const rate = (by: string, metric: string, labels = ""): string =>
  `sum by (${by}) (rate(${metric}{${labels === "" ? "" : `${labels}, `}${filter}}[$__rate_interval]))`

export const stat = (title: string, unit: string, description: string, ...queries: ReadonlyArray<Query>): Chart => ({
  kind: "stat",
  title,
  description,
  unit,
  queries
})

export const chart = (title: string, unit: string, description: string, ...queries: ReadonlyArray<Query>): Chart => ({
  kind: "timeseries",
  title,
  description,
  unit,
  queries
})

const datasource = { type: "prometheus", uid: "${datasource}" }

const sizes = { stat: { w: 6, h: 4 }, timeseries: { w: 8, h: 8 } } as const
const width = 24

const panelOf = ({ description, kind, queries, title, unit }: Chart, id: number, x: number, y: number): Panel => ({
  id,
  type: kind,
  title,
  description,
  datasource,
  gridPos: { ...sizes[kind], x, y },
  fieldConfig: {
    defaults: { unit, ...(kind === "timeseries" ? { min: 0, custom: { fillOpacity: 10, showPoints: "never" } } : {}) },
    overrides: []
  },
  options:
    kind === "stat"
      ? { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, graphMode: "area" }
      : {
          legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
          tooltip: { mode: "multi", sort: "desc" }
        },
  targets: queries.map(([legendFormat, expr], index) => ({
    refId: String.fromCodePoint(65 + index),
    datasource,
    expr,
    legendFormat,
    range: true
  }))
})

/** Places the panels of each section in rows of the grid, from left to right. */
const panelsOf = (sections: ReadonlyArray<Section>): Array<Panel | RowPanel> => {
  const panels: Array<Panel | RowPanel> = []
  let y = 0
  for (const { charts, title } of sections) {
    panels.push({
      type: "row",
      id: panels.length + 1,
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: width, h: 1 },
      panels: []
    })
    y += 1
    let x = 0
    let height = 0
    for (const next of charts) {
      const { h, w } = sizes[next.kind]
      if (x + w > width || (height > 0 && h !== height)) {
        y += height
        x = 0
      }
      panels.push(panelOf(next, panels.length + 1, x, y))
      x += w
      height = h
    }
    y += height
  }
  return panels
}

const labelVariable = (name: string, label: string, query: string) => ({
  name,
  label,
  type: "query" as const,
  datasource,
  query: { query, refId: name },
  refresh: VariableRefresh.onTimeRangeChanged,
  multi: true,
  includeAll: true,
  allValue: ".+",
  current: { text: "All", value: "$__all" },
  hide: VariableHide.dontHide
})

/** The board as Grafana imports it. */
export const dashboardOf = ({ description, sections, title, uid }: Board): Dashboard => ({
  uid,
  title,
  description,
  tags: ["user-service"],
  schemaVersion: 39,
  version: 1,
  editable: false,
  graphTooltip: DashboardCursorSync.Crosshair,
  refresh: "30s",
  time: { from: "now-6h", to: "now" },
  timezone: "utc",
  links: [
    {
      title: "User Service",
      type: "dashboards",
      tags: ["user-service"],
      asDropdown: true,
      keepTime: true,
      includeVars: true,
      targetBlank: false,
      icon: "",
      tooltip: "",
      url: ""
    }
  ],
  templating: {
    list: [
      {
        name: "datasource",
        label: "Prometheus",
        type: "datasource",
        query: "prometheus",
        refresh: VariableRefresh.onDashboardLoad,
        multi: false,
        includeAll: false,
        hide: VariableHide.dontHide
      },
      labelVariable("job", "Job", "label_values(process_uptime_seconds, job)"),
      labelVariable("instance", "Instance", 'label_values(process_uptime_seconds{job=~"$job"}, instance)')
    ]
  },
  panels: panelsOf(sections)
})
