/** A metric in Prometheus's text format, with the series it has: each a name with labels, and its value. */
interface Family {
  readonly head: ReadonlyArray<string>
  readonly type: string
  readonly series: ReadonlyMap<string, number>
}

type Families = ReadonlyMap<string, Family>

/** The metrics of several processes as one answer (decision 0023). */
export interface ProcessesMetrics {
  /** Takes what a process has answered. */
  readonly record: (process: number, text: string) => void
  /** Keeps the counts of a process that has ended, so that sums over all never fall. */
  readonly retire: (process: number) => void
  /** All of them together. Gauges are of the processes that have answered now, counters and histograms of all there were. */
  readonly render: (answered: ReadonlyArray<number>, silent: number) => string
}

export const make = (): ProcessesMetrics => {
  const last = new Map<number, Families>()
  let retired: Families = new Map()
  return {
    record: (process, text) => void last.set(process, parse(text)),
    retire: (process) => {
      retired = merge([retired, cumulative(last.get(process) ?? new Map())])
      last.delete(process)
    },
    render: (answered, silent) =>
      format(
        merge([
          retired,
          ...[...last].map(([process, families]) => (answered.includes(process) ? families : cumulative(families))),
          parse(
            "# HELP user_service_api_processes Processes of the API that serve, by whether they answered the scrape\n" +
              "# TYPE user_service_api_processes gauge\n" +
              `user_service_api_processes{state="answering"} ${answered.length}\n` +
              `user_service_api_processes{state="silent"} ${silent}\n`
          )
        ])
      )
  }
}

// Gauges are added up, as connections and bytes are, but for those of which a sum says nothing.
const rules: Readonly<Record<string, (one: number, other: number) => number>> = {
  user_service_engine_up: Math.min,
  user_service_build_info: Math.max,
  process_start_time_seconds: Math.min,
  process_uptime_seconds: Math.max,
  nodejs_eventloop_lag_mean_seconds: Math.max,
  nodejs_eventloop_lag_p99_seconds: Math.max,
  nodejs_eventloop_lag_max_seconds: Math.max
}

const add = (one: number, other: number): number => one + other

const parse = (text: string): Families => {
  const families = new Map<string, Family & { readonly series: Map<string, number> }>()
  let help: Array<string> = []
  let series = new Map<string, number>()
  for (const line of text.split("\n")) {
    const [, name = "", type = ""] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== "") {
      series = new Map()
      families.set(name, { head: [...help, line], type, series })
      help = []
    } else if (line.startsWith("#")) {
      help = [line]
    } else if (line !== "") {
      // Labels may have spaces in them, values have none.
      const space = line.lastIndexOf(" ")
      series.set(line.slice(0, space), valueOf(line.slice(space + 1)))
    }
  }
  return families
}

const valueOf = (text: string): number => (text.endsWith("Inf") ? Number(`${text}inity`) : Number(text))

const merge = (all: ReadonlyArray<Families>): Families => {
  const merged = new Map<string, Family & { readonly series: Map<string, number> }>()
  for (const [name, { head, series, type }] of all.flatMap((families) => [...families])) {
    const together = merged.get(name)?.series ?? new Map<string, number>()
    merged.set(name, { head, type, series: together })
    const rule = (type === "gauge" ? rules[name] : undefined) ?? add
    for (const [key, value] of series) {
      const known = together.get(key)
      together.set(key, known === undefined ? value : rule(known, value))
    }
  }
  return merged
}

const cumulative = (families: Families): Families =>
  new Map([...families].filter(([, { type }]) => type === "counter" || type === "histogram"))

const format = (families: Families): string =>
  [...families.values()]
    .flatMap(({ head, series }) => [...head, ...[...series].map(([key, value]) => `${key} ${textOf(value)}`)])
    .map((line) => `${line}\n`)
    .join("")

const textOf = (value: number): string => String(value).replace("Infinity", "Inf").replace(/^Inf/, "+Inf")
